"""Cursors of keyset pagination: opaque to clients, and valid only for the list they came from."""

import hmac
import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from pydantic import SecretStr

from app.errors import AppError, ErrorCode
from app.platform.configuration import SettingsGroup, is_guessable

MIN_KEY_BYTES = 32
SIGNATURE_BYTES = 16


class PaginationSettings(SettingsGroup):
    """How cursors are signed; without a key they last as long as the process."""

    cursor_signing_key: SecretStr | None = None

    def production_faults(self) -> Iterator[str]:
        key = self.cursor_signing_key
        if key is None or len(key.get_secret_value().encode()) < MIN_KEY_BYTES:
            yield f"CURSOR_SIGNING_KEY: must have at least {MIN_KEY_BYTES} bytes"
        elif is_guessable(key.get_secret_value()):
            yield "CURSOR_SIGNING_KEY: is guessable, and must be random"


class Position(NamedTuple):
    """Where a page ended: the sort key of its last item, and the id that breaks ties."""

    created_at: datetime
    id: UUID


class Cursors:
    """Writes and reads cursors."""

    def __init__(self, settings: PaginationSettings) -> None:
        key = settings.cursor_signing_key
        self._key = key.get_secret_value().encode() if key else secrets.token_bytes(MIN_KEY_BYTES)

    def encode(self, position: Position, scope: str) -> str:
        """A cursor; `scope` says which list it belongs to: filters, order and reader."""
        content = json.dumps([position.created_at.isoformat(), position.id.hex]).encode()
        return self._signed(content, scope)

    def decode(self, cursor: str, scope: str) -> Position:
        """The position in a cursor of the same scope; raises `AppError(INVALID_CURSOR)`."""
        try:
            content = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))[SIGNATURE_BYTES:]
        except ValueError:
            raise AppError(ErrorCode.INVALID_CURSOR) from None
        if not hmac.compare_digest(self._signed(content, scope).encode(), cursor.encode()):
            raise AppError(ErrorCode.INVALID_CURSOR)
        created_at, id_ = json.loads(content)
        return Position(datetime.fromisoformat(created_at), UUID(id_))

    def _signed(self, content: bytes, scope: str) -> str:
        message = len(content).to_bytes(4) + content + scope.encode()
        signature = hmac.digest(self._key, message, "sha256")[:SIGNATURE_BYTES]
        return urlsafe_b64encode(signature + content).rstrip(b"=").decode()
