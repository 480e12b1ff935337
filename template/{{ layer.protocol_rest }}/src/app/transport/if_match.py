"""Changing the version that was read: entity tags and `If-Match` (RFC 9110 section 13.1.1)."""

import re
from collections.abc import Set as AbstractSet
from typing import Annotated, Any

from fastapi import Depends, Header

from app.errors import AppError, ErrorCode
from app.transport.conditions import TAGS, TAGS_LENGTH, Tags
from app.transport.optional import Omittable

ETAG_HEADER: dict[str, Any] = {
    "ETag": {
        "description": "The version of the resource, for `If-Match` and `If-None-Match`",
        "schema": {"type": "string", "maxLength": 32, "pattern": '^"[0-9]+"$'},
    }
}

_IF_MATCH = "The `ETag` of the version that may be changed"

IF_MATCH_PARAMETER: dict[str, Any] = {
    "name": "If-Match",
    "in": "header",
    "required": True,
    "description": _IF_MATCH,
    "schema": {"type": "string", "pattern": TAGS, "maxLength": TAGS_LENGTH},
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
    value: Annotated[Omittable[Tags], Header(alias="If-Match", description=_IF_MATCH)] = None,
) -> AbstractSet[int] | None:
    return _expected_versions(value)


async def _required_if_match(
    value: Annotated[Omittable[Tags], Header(alias="If-Match", include_in_schema=False)] = None,
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
