"""Tokens as JSON and as form parameters."""

from dataclasses import asdict
from typing import Annotated, Literal, Self

from pydantic import AliasChoices, BaseModel, Field

from app.auth.accounts_schema import Password
from app.auth.model import MAX_EMAIL_LENGTH
from app.auth.principal import Permission
from app.auth.refresh_tokens import TokenPair

_SCOPE = "|".join(permission.value for permission in Permission)


Token = Annotated[str, Field(min_length=1, max_length=8192)]
_KeyPart = Annotated[str, Field(max_length=128)]


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
