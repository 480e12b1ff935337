"""Accounts and tokens as JSON and as form parameters."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, AliasChoices, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from app.auth.model import EMAIL_PATTERN, MAX_EMAIL_LENGTH, TokenPair, User, normalised_email
from app.auth.passwords import MAX_LENGTH, MIN_LENGTH
from app.auth.principal import Permission, Principal, Role

_SCOPE = "|".join(permission.value for permission in Permission)


def _email(text: str) -> str:
    try:
        return normalised_email(text)
    except ValueError as error:
        raise PydanticCustomError("email", str(error)) from None


Email = Annotated[
    str,
    AfterValidator(_email),
    Field(max_length=MAX_EMAIL_LENGTH, json_schema_extra={"pattern": EMAIL_PATTERN}),
]
NewPassword = Annotated[
    str,
    Field(
        min_length=MIN_LENGTH,
        max_length=MAX_LENGTH,
        description="Passwords that are easily guessed are refused",
        json_schema_extra={"format": "password"},
    ),
]
Password = Annotated[
    str, Field(min_length=1, max_length=MAX_LENGTH, json_schema_extra={"format": "password"})
]
Token = Annotated[str, Field(min_length=1, max_length=8192)]
_KeyPart = Annotated[str, Field(max_length=128)]


class Registration(BaseModel):
    """A new account."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"email": "ada@example.com", "password": "plum otter cabin 47"}]
        },
    )

    email: Email
    password: NewPassword


class RegistrationOut(BaseModel):
    """The same answer whether or not the address had an account before."""

    status: Literal["accepted"] = "accepted"


class PasswordGrant(BaseModel):
    """RFC 6749 section 4.3.2; `scope` narrows what the tokens allow."""

    grant_type: Annotated[str, Field(json_schema_extra={"const": "password"})]
    username: Annotated[str, Field(min_length=1, max_length=MAX_EMAIL_LENGTH)]
    password: Password
    scope: Annotated[
        str, Field(max_length=1024, json_schema_extra={"pattern": f"^(({_SCOPE})( ({_SCOPE}))*)?$"})
    ] = ""


class RefreshParameters(BaseModel):
    """The refresh token of the latest answer."""

    refresh_token: Token


class RevocationParameters(BaseModel):
    """RFC 7009 section 2.1: a refresh or an access token; `refresh_token` also names it."""

    token: Annotated[Token, Field(validation_alias=AliasChoices("token", "refresh_token"))]


class TokenOut(BaseModel):
    """RFC 6749 section 5.1. Each refresh token is for one use."""

    access_token: Token
    token_type: Literal["Bearer"]
    expires_in: Annotated[
        int, Field(ge=1, le=86_400, description="Seconds that the access token lasts")
    ]
    refresh_token: Token
    scope: Annotated[str, Field(max_length=1024)]

    @classmethod
    def of(cls, pair: TokenPair) -> Self:
        return cls.model_validate({**asdict(pair), "token_type": "Bearer"})


class PasswordChange(BaseModel):
    """The password in use, and the next one."""

    model_config = ConfigDict(extra="forbid")

    current_password: Password
    new_password: NewPassword


class UserOut(BaseModel):
    """The caller's account, and what its token allows."""

    id: UUID
    email: Annotated[str, Field(max_length=MAX_EMAIL_LENGTH)]
    roles: Annotated[list[Role], Field(max_length=len(Role))]
    permissions: Annotated[list[Permission], Field(max_length=len(Permission))]
    created_at: datetime

    @classmethod
    def of(cls, user: User, principal: Principal) -> Self:
        return cls(
            id=user.id,
            email=user.email,
            roles=[user.role],
            permissions=sorted(principal.permissions),
            created_at=user.created_at,
        )


class JwkOut(BaseModel):
    """One public key (RFC 7517)."""

    kty: Literal["EC"]
    crv: Literal["P-256"]
    x: _KeyPart
    y: _KeyPart
    kid: _KeyPart
    use: Literal["sig"]
    alg: Literal["ES256"]


class JwksOut(BaseModel):
    """The public keys of the access tokens, the one that signs now first."""

    keys: Annotated[list[JwkOut], Field(max_length=20)]
