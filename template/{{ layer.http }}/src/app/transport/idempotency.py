"""The `Idempotency-Key` header."""

import hmac
from typing import Annotated, Any

from fastapi import Depends, Header
from pydantic import StringConstraints

from app.platform.context import context
from app.platform.idempotency import IdempotencyKey
from app.platform.rate_limit import address_key
from app.transport.optional import Omittable
from app.transport.request import ApiRequest

REPLAYED_HEADER: dict[str, Any] = {
    "Idempotency-Replayed": {
        "description": "`true` where an earlier request with the key did the work",
        "schema": {"type": "string", "enum": ["true"]},
    }
}

REPLAYED = {"Idempotency-Replayed": "true"}

KeyText = Annotated[
    str,
    StringConstraints(
        min_length=1, max_length=255, pattern=r"^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$"
    ),
]
_Key = Annotated[
    Omittable[KeyText],
    Header(
        alias="Idempotency-Key",
        description="Sent again with the same body, the request is answered but not repeated",
    ),
]


async def _idempotency_key(request: ApiRequest, key: _Key = None) -> IdempotencyKey | None:
    if key is None:
        return None
    return IdempotencyKey(
        principal=_caller(),
        operation=f"{request.method} {request.url.path}",
        key=key,
        # Keyed, as the body may hold a password that a plain hash would let others try out.
        fingerprint=hmac.digest(key.encode(), await request.body(), "sha256"),
    )


def _caller() -> str:
    """Who the key belongs to; anonymous callers are told apart by address."""
    current = context()
    if current.principal is None:
        return f"anonymous {address_key(current.client_address)}"
    return current.principal.subject


IdempotencyKeyDep = Annotated[IdempotencyKey | None, Depends(_idempotency_key)]
