"""Reading what one may hold already: entity tags and `If-None-Match` (RFC 9110 section 13.1.2)."""

import hashlib
import re
from typing import Annotated

from fastapi import Header, Response
from pydantic import StringConstraints

from app.transport.optional import Omittable

_TAG = '(W/)?"[!#-~]*"'
TAGS = rf"^(\*|{_TAG}( *, *{_TAG})*)$"
TAGS_LENGTH = 256
Tags = Annotated[str, StringConstraints(pattern=TAGS, max_length=TAGS_LENGTH)]

IfNoneMatch = Annotated[
    Omittable[Tags],
    Header(alias="If-None-Match", description="The `ETag` that the caller holds"),
]


def public_document(body: bytes, if_none_match: str | None) -> Response:
    """JSON that is the same for everybody, to be kept for five minutes; 304 for who has it."""
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {"Cache-Control": "public, max-age=300", "ETag": tag, "Vary": "Accept"}
    if is_current(if_none_match, tag):
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type="application/json")


def is_current(if_none_match: str | None, tag: str) -> bool:
    """Whether the caller already holds this representation, by weak comparison."""
    return if_none_match == "*" or (if_none_match is not None and tag in _strong(if_none_match))


def _strong(tags: str) -> list[str]:
    return re.findall('"[!#-~]*"', tags)
