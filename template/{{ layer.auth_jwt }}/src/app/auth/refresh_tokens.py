"""Refresh tokens: opaque, stored as hashes only, and in families."""

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Self
from uuid import UUID

_FORM = re.compile(r"[A-Za-z0-9_-]{65}")
_HANDLE_LENGTH = 22


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """`handle` stays the same throughout a family, the rest is new at each refresh.

    So a token that is not the current one, under a handle that is known, was used before: nobody
    else knows the handle.
    """

    text: str

    @classmethod
    def new(cls) -> Self:
        """The first token of a new family."""
        return cls._with_handle(secrets.token_urlsafe(16))

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """The token that a client sent, or None where it cannot be one."""
        return cls(text) if _FORM.fullmatch(text) else None

    @classmethod
    def _with_handle(cls, handle: str) -> Self:
        return cls(handle + secrets.token_urlsafe(32))

    def successor(self) -> Self:
        """The next token of the family."""
        return self._with_handle(self.text[:_HANDLE_LENGTH])

    @property
    def handle_hash(self) -> bytes:
        return hashlib.sha256(self.text[:_HANDLE_LENGTH].encode()).digest()

    @property
    def token_hash(self) -> bytes:
        return hashlib.sha256(self.text.encode()).digest()


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
