"""What identifies a request that may be sent again (`Idempotency-Key`)."""

from dataclasses import dataclass
from hashlib import sha256

from pydantic import PositiveInt

from app.platform.configuration import SettingsGroup


class IdempotencySettings(SettingsGroup):
    """How long the answer to an idempotent request is kept."""

    idempotency_ttl_seconds: PositiveInt = 86_400


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """A key of the client's choice, within the scope of a principal and an operation.

    `fingerprint` is a digest of everything else that makes the request what it is.
    """

    principal: str
    operation: str
    key: str
    fingerprint: bytes

    def digest(self) -> bytes:
        """What the store knows of the key: 32 bytes that do not give it away."""
        parts = (self.principal, self.operation, self.key)
        return sha256("\0".join(parts).encode()).digest()
