"""Accounts, and the families of tokens that their logins start."""

import re
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.auth.principal import Role

MAX_EMAIL_LENGTH = 254
# The pattern of HTML's e-mail input, with a domain of two labels or more. Others, such as those of
# RFC 6531, have their ASCII form for the domain and seldom exist for the local part.
EMAIL_PATTERN = (
    r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@"
    r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
    r"(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)+$"
)
_EMAIL = re.compile(EMAIL_PATTERN)


def normalised_email(text: str) -> str:
    """The address as it is stored, lower-case throughout; raises ValueError unless it is one."""
    email = text.strip().lower()
    if len(email) > MAX_EMAIL_LENGTH or not _EMAIL.fullmatch(email):
        raise ValueError("must be an e-mail address")
    return email


@dataclass(frozen=True, slots=True)
class User:
    """An account; `email` is normalised."""

    id: UUID
    email: str
    password_hash: str
    role: Role
    disabled: bool
    created_at: datetime


@dataclass(frozen=True, slots=True)
class TokenFamily:
    """One login and all that was refreshed from it; access tokens name it as `sid`.

    `token_hash` is of the one refresh token that is valid now. `scopes` is what the login asked
    for, None for all that the role grants. `expires_at` moves on with each refresh.
    """

    id: UUID
    user_id: UUID
    handle_hash: bytes
    token_hash: bytes
    scopes: frozenset[str] | None
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class TokenPair:
    """What a client gets at login and at each refresh; `expires_in` is of the access token."""

    access_token: str
    refresh_token: str
    expires_in: int
    scope: str
