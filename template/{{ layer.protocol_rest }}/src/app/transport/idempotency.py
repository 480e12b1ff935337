"""The `Idempotency-Key` header."""

import hashlib
from typing import Annotated, Any

from fastapi import Depends, Header
from pydantic.json_schema import SkipJsonSchema

from app.platform.idempotency import IdempotencyKey
from app.transport.request import ApiRequest

REPLAYED_HEADER: dict[str, Any] = {
    "Idempotency-Replayed": {
        "description": "`true` where an earlier request with the key did the work",
        "schema": {"type": "string", "enum": ["true"]},
    }
}

_Key = Annotated[
    str | SkipJsonSchema[None],
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern=r"^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$",
        description="Sent again with the same body, the request is answered but not repeated",
    ),
]


async def _idempotency_key(request: ApiRequest, key: _Key = None) -> IdempotencyKey | None:
    if key is None:
        return None
    return IdempotencyKey(
        principal=request.principal.subject,
        operation=f"{request.method} {request.url.path}",
        key=key,
        fingerprint=hashlib.sha256(await request.body()).digest(),
    )


IdempotencyKeyDep = Annotated[IdempotencyKey | None, Depends(_idempotency_key)]
