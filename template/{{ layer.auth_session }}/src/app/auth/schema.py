"""Sessions as JSON."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field

from app.auth.accounts_schema import Password
from app.auth.model import MAX_EMAIL_LENGTH
from app.auth.sessions import Session, SessionKey

CsrfToken = Annotated[
    str, Field(max_length=64, description="To be sent as `X-CSRF-Token` where data may change")
]


class Login(BaseModel):
    """An address and its password."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"email": "ada@example.com", "password": "plum otter cabin 47"}]
        },
    )

    email: Annotated[str, Field(min_length=1, max_length=MAX_EMAIL_LENGTH)]
    password: Password


class SessionOut(BaseModel):
    """The session of the cookie."""

    csrf_token: CsrfToken
    created_at: datetime
    expires_at: Annotated[datetime, Field(description="When it ends unless it is used before")]

    @classmethod
    def of(cls, session: Session, key: SessionKey) -> Self:
        return cls(
            csrf_token=key.csrf_token,
            created_at=session.created_at,
            expires_at=session.expires_at,
        )
