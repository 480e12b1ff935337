"""Accounts and their sessions."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.auth.principal import Role


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
class TokenPair:
    """What a client gets at login and at each refresh; `expires_in` is of the access token."""

    access_token: str
    refresh_token: str
    expires_in: int
    scope: str
