"""Refresh tokens: opaque, and stored as hashes only."""

import hashlib
import re
import secrets
from dataclasses import dataclass
from typing import Self

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
