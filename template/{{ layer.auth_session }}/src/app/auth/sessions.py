"""Sessions: the key that a browser holds, and what the service knows of a login."""

import base64
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Self
from uuid import UUID

from app.auth.principal import Principal, Role

_FORM = re.compile(r"[A-Za-z0-9_-]{43}")
_MOST_SECONDS_BETWEEN_WRITES = 60


@dataclass(frozen=True, slots=True)
class SessionKey:
    """The id in the cookie: 256 random bits, of which the service stores the SHA-256 only."""

    text: str = field(repr=False)

    @classmethod
    def new(cls) -> Self:
        """A key that nobody has had before."""
        return cls(secrets.token_urlsafe(32))

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """The key that a client sent, or None where it cannot be one."""
        return cls(text) if _FORM.fullmatch(text) else None

    @property
    def digest(self) -> bytes:
        return hashlib.sha256(self.text.encode()).digest()

    @property
    def csrf_token(self) -> str:
        """What a page sends along, to prove that it may read what the service says.

        It follows from the key, and does not tell it: nothing more is stored, no two sessions have
        the same, and a page that is loaded anew can ask for it again.
        """
        digest = hmac.digest(self.text.encode(), b"csrf token", "sha256")
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


@dataclass(frozen=True, slots=True)
class Session:
    """One login of an account. A session that has ended is not there any more.

    `id` names it where its key must not be told. `expires_at` moves on as it is used.
    """

    id: UUID
    key_hash: bytes
    user_id: UUID
    role: Role
    created_at: datetime
    expires_at: datetime

    @property
    def principal(self) -> Principal:
        """Who uses the session."""
        return Principal(
            subject=str(self.user_id),
            kind="user",
            roles=frozenset({self.role}),
            session_id=str(self.id),
        )


@dataclass(frozen=True, slots=True)
class Lifetime:
    """How long a session may rest, and how long it may last, in seconds."""

    idle: int
    absolute: int

    def expiry(self, created_at: datetime, now: datetime) -> datetime:
        """When a session ends that is used now, and then no more."""
        return min(
            now + timedelta(seconds=self.idle), created_at + timedelta(seconds=self.absolute)
        )

    def later_expiry(self, session: Session, now: datetime) -> datetime | None:
        """The new expiry of a session in use, or None while the stored one is near enough.

        So a session is written once a minute, however often it is used.
        """
        expiry = self.expiry(session.created_at, now)
        step = timedelta(seconds=min(_MOST_SECONDS_BETWEEN_WRITES, self.idle / 10))
        return expiry if expiry - session.expires_at >= step else None
