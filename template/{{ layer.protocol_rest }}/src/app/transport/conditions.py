"""Conditional requests (RFC 9110 section 13) on resources whose entity tag is their version."""

import re
from collections.abc import Set as AbstractSet
from typing import Annotated, Any

from fastapi import Depends, Header

from app.errors import AppError, ErrorCode, FieldFault

ETAG_HEADER: dict[str, Any] = {
    "ETag": {
        "description": "The version of the resource, for `If-Match` and `If-None-Match`",
        "schema": {"type": "string", "maxLength": 32, "pattern": '^"[0-9]+"$'},
    }
}

_LIST = re.compile(r'\s*(?:\*|(?:W/)?"[\x21\x23-\x7e]*"(?:\s*,\s*(?:W/)?"[\x21\x23-\x7e]*")*)\s*')
_STRONG = re.compile(r'(?<!W/)"([0-9]{1,18})"')
_TAG = re.compile(r'(?:W/)?"([\x21\x23-\x7e]*)"')


def entity_tag(version: int) -> str:
    """The strong entity tag of a version."""
    return f'"{version}"'


def _well_formed(header: str, value: str) -> str:
    if not _LIST.fullmatch(value):
        fault = FieldFault(header, 'must be "*" or a list of entity tags such as "1"')
        raise AppError(ErrorCode.MALFORMED_REQUEST, details=[fault])
    return value.strip()


def _expected_versions(value: str | None) -> AbstractSet[int] | None:
    if value is None or _well_formed("if-match", value) == "*":
        return None
    return {int(version) for version in _STRONG.findall(value)}


async def _if_match(
    if_match: Annotated[str | None, Header(description="The `ETag` that may be changed")] = None,
) -> AbstractSet[int] | None:
    return _expected_versions(if_match)


async def _required_if_match(
    if_match: Annotated[str | None, Header(description="The `ETag` that may be changed")] = None,
) -> AbstractSet[int] | None:
    if if_match is None:
        raise AppError(ErrorCode.PRECONDITION_REQUIRED)
    return _expected_versions(if_match)


IfMatch = Annotated[AbstractSet[int] | None, Depends(_if_match)]
"""The versions that may be changed; None is any."""

RequiredIfMatch = Annotated[AbstractSet[int] | None, Depends(_required_if_match)]
"""As `IfMatch`; a request without the header is `PRECONDITION_REQUIRED`."""

IfNoneMatch = Annotated[str | None, Header(description="The `ETag` that the caller holds")]


def is_current(if_none_match: str | None, tag: str) -> bool:
    """Whether the caller already holds this representation, by weak comparison."""
    if if_none_match is None:
        return False
    wanted = _well_formed("if-none-match", if_none_match)
    return wanted == "*" or tag.strip('"') in _TAG.findall(wanted)
