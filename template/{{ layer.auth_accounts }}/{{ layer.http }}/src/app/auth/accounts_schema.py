"""Accounts as JSON."""

from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from app.auth.model import EMAIL_PATTERN, MAX_EMAIL_LENGTH, User, normalised_email
from app.auth.passwords import MAX_LENGTH, MIN_LENGTH
from app.auth.principal import Permission, Principal, Role


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


class PasswordChange(BaseModel):
    """The password in use, and the next one."""

    model_config = ConfigDict(extra="forbid")

    current_password: Password
    new_password: NewPassword


class UserOut(BaseModel):
    """The caller's account, and what the caller may do."""

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
