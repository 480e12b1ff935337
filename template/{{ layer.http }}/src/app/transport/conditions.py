"""Conditional requests (RFC 9110 section 13): entity tags of versions and of public documents."""

import hashlib
import re
from collections.abc import Set as AbstractSet
from typing import Annotated, Any

from fastapi import Depends, Header, Response
from pydantic import StringConstraints

from app.errors import AppError, ErrorCode
from app.transport.optional import Omittable

ETAG_HEADER: dict[str, Any] = {
    "ETag": {
        "description": "The version of the resource, for `If-Match` and `If-None-Match`",
        "schema": {"type": "string", "maxLength": 32, "pattern": '^"[0-9]+"$'},
    }
}

_TAG = '(W/)?"[!#-~]*"'
_TAGS = rf"^(\*|{_TAG}( *, *{_TAG})*)$"
_Tags = Annotated[str, StringConstraints(pattern=_TAGS, max_length=256)]
_IF_MATCH = "The `ETag` of the version that may be changed"

IF_MATCH_PARAMETER: dict[str, Any] = {
    "name": "If-Match",
    "in": "header",
    "required": True,
    "description": _IF_MATCH,
    "schema": {"type": "string", "pattern": _TAGS, "maxLength": 256},
}


def entity_tag(version: int) -> str:
    """The strong entity tag of a version."""
    return f'"{version}"'


def _expected_versions(if_match: str | None) -> AbstractSet[int] | None:
    """The versions that the header lists by strong tags; None is any."""
    if if_match is None or if_match == "*":
        return None
    return {int(version) for version in re.findall(r'(?<!W/)"([0-9]{1,18})"', if_match)}


async def _if_match(
    value: Annotated[Omittable[_Tags], Header(alias="If-Match", description=_IF_MATCH)] = None,
) -> AbstractSet[int] | None:
    return _expected_versions(value)


async def _required_if_match(
    value: Annotated[Omittable[_Tags], Header(alias="If-Match", include_in_schema=False)] = None,
) -> AbstractSet[int] | None:
    if value is None:
        raise AppError(ErrorCode.PRECONDITION_REQUIRED)
    return _expected_versions(value)


IfMatch = Annotated[AbstractSet[int] | None, Depends(_if_match)]
"""The versions that may be changed; None is any."""

RequiredIfMatch = Annotated[AbstractSet[int] | None, Depends(_required_if_match)]
"""As `IfMatch`, with PRECONDITION_REQUIRED where the header is missing.

Operations document the header themselves, as `IF_MATCH_PARAMETER`.
"""

IfNoneMatch = Annotated[
    Omittable[_Tags],
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
