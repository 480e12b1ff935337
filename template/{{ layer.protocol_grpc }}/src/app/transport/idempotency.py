"""The metadata `idempotency-key`."""

import hmac
import re

from google.protobuf.message import Message

from app.errors import AppError, ErrorCode, FieldFault
from app.platform.context import context
from app.platform.idempotency import IdempotencyKey
from app.platform.rate_limit import address_key
from app.transport.calls import current_call

_KEY = re.compile(r"[\x21-\x7e]([\x20-\x7e]{0,253}[\x21-\x7e])?")


def idempotency_key(message: Message) -> IdempotencyKey | None:
    """The key of the current call, whose message it is; raises VALIDATION_ERROR."""
    call = current_call()
    key = call.metadata.get("idempotency-key")
    if key is None:
        return None
    if not _KEY.fullmatch(key):
        fault = FieldFault("idempotency-key", "must be 1 to 255 printable ASCII characters")
        raise AppError(ErrorCode.VALIDATION_ERROR, details=[fault])
    content = message.SerializeToString(deterministic=True)
    return IdempotencyKey(
        principal=_caller(),
        operation=call.rpc.name,
        key=key,
        # Keyed, as the message may hold a password that a plain hash would let others try out.
        fingerprint=hmac.digest(key.encode(), content, "sha256"),
    )


def note_replay() -> None:
    """Tell the client that an earlier call with the key did the work."""
    current_call().trailers["idempotency-replayed"] = "true"


def _caller() -> str:
    """Who the key belongs to; anonymous callers are told apart by address."""
    current = context()
    if current.principal is None:
        return f"anonymous {address_key(current.client_address)}"
    return current.principal.subject
