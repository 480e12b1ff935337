"""API keys: `<prefix>_<id>_<secret>`, of which only a hash is stored."""

import hashlib
import re
import secrets
import string
import zlib
from dataclasses import dataclass
from datetime import datetime
from typing import Self
from uuid import UUID

from app.auth.principal import Permission, Principal, Role

PREFIX_PATTERN = r"^[a-z][a-z0-9]{0,15}$"
NAME_PATTERN = r"^[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?$"

_ALPHABET = string.digits + string.ascii_letters
# The fewest characters of the alphabet that hold 256 bits.
_SECRET_LENGTH = 43
_CHECKSUM_LENGTH = 8
FORM = re.compile(
    rf"[a-z][a-z0-9]{{0,15}}_([0-9a-f]{{32}})_[0-9A-Za-z]{{{_SECRET_LENGTH}}}[0-9a-f]{{8}}"
)


@dataclass(frozen=True, slots=True)
class KeyText:
    """A key as its client holds it.

    The id, in hexadecimal, is what it is looked up by. The secret ends with a CRC-32 of all before
    it, so that scanners of code and logs tell keys from what looks like them, and a mistyped one is
    refused unseen. Without `-`, a double click selects all of it.
    """

    id: UUID
    text: str

    @classmethod
    def new(cls, key_id: UUID, prefix: str) -> Self:
        """A key with a new secret."""
        secret = "".join(secrets.choice(_ALPHABET) for _ in range(_SECRET_LENGTH))
        unchecked = f"{prefix}_{key_id.hex}_{secret}"
        return cls(key_id, unchecked + _checksum(unchecked))

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """The key that a client sent, or None where it cannot be one.

        Any prefix will do: the setting may have changed since.
        """
        found = FORM.fullmatch(text)
        if found is None or _checksum(text[:-_CHECKSUM_LENGTH]) != text[-_CHECKSUM_LENGTH:]:
            return None
        return cls(UUID(found[1]), text)

    def hash(self) -> bytes:
        """What is stored: SHA-256, as 256 random bits are not to be guessed.

        A hash that is slow on purpose protects what people choose; here it would only cost every
        request its time.
        """
        return hashlib.sha256(self.text.encode()).digest()


def _checksum(text: str) -> str:
    return f"{zlib.crc32(text.encode()):08x}"


@dataclass(frozen=True, slots=True)
class Client:
    """Who keys belong to: its id is the subject of the principal, whichever key it uses."""

    id: UUID
    name: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What is known of a key but its secret; `scopes` is None for all that the role grants."""

    id: UUID
    client: Client
    role: Role
    scopes: frozenset[str] | None
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None

    def ended(self, now: datetime) -> bool:
        """Whether it is revoked or has expired."""
        return self.revoked_at is not None or self.expires_at <= now

    @property
    def principal(self) -> Principal:
        """Who calls with the key."""
        return Principal(
            subject=str(self.client.id),
            kind="machine",
            roles=frozenset({self.role}),
            scopes=self.scopes,
            session_id=str(self.id),
        )

    @property
    def permissions(self) -> frozenset[Permission]:
        """What it allows."""
        return self.principal.permissions
