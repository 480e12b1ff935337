"""JSON as the contract takes it: what could mean two things is refused."""

import json
import math
import re
from typing import Any, NoReturn

from app.errors import AppError, ErrorCode

_MAX_DEPTH = 64
_MAX_MEMBERS = 10_000
_MAX_INTEGER_DIGITS = 19
_DOUBTFUL_ESCAPE = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")


def parse_json(body: bytes) -> Any:
    """The value of a JSON text (RFC 8259) in UTF-8; raises `AppError(MALFORMED_REQUEST)`.

    Refused are also duplicate keys, NaN and infinities, integers of more than 19 digits, lone
    surrogates and NUL in strings, nesting deeper than 64, and more than 10,000 members, each of
    which could be a fault to tell of.
    """
    try:
        value = _decoder.decode(body.decode())
    except UnicodeDecodeError:
        raise _malformed("The body is not UTF-8") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno} column {error.colno}"
        what = error.msg.removesuffix(" at")
        raise _malformed(f"The body is not JSON: {what} at {where}") from None
    except RecursionError:
        raise _too_deep() from None
    # What follows looks at the whole value, so only where the text gives reason to.
    if body.count(b"{") + body.count(b"[") > _MAX_DEPTH:
        _check_depth(value)
    if body.count(b":") > _MAX_MEMBERS and _members(value) > _MAX_MEMBERS:
        raise _malformed(f"The body has more than {_MAX_MEMBERS:,} members")
    if _DOUBTFUL_ESCAPE.search(body):
        _check_strings(value)
    return value


def _malformed(message: str) -> AppError:
    return AppError(ErrorCode.MALFORMED_REQUEST, message)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise _malformed("The body repeats a key of an object")
    return value


def _integer(digits: str) -> int:
    if len(digits.lstrip("-")) > _MAX_INTEGER_DIGITS:
        raise _malformed("The body holds an integer that is too large")
    return int(digits)


def _float(digits: str) -> float:
    value = float(digits)
    if math.isinf(value):
        raise _malformed("The body holds a number that is too large")
    return value


def _constant(name: str) -> NoReturn:
    raise _malformed(f"{name} is not JSON")


_decoder = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_float, parse_constant=_constant
)


def _too_deep() -> AppError:
    return _malformed(f"The body is nested deeper than {_MAX_DEPTH}")


def _check_depth(value: Any) -> None:
    level: list[Any] = [value]
    for _ in range(_MAX_DEPTH):
        level = [
            child
            for parent in level
            for child in (parent.values() if isinstance(parent, dict) else parent)
            if isinstance(child, (dict, list))
        ]
        if not level:
            return
    raise _too_deep()


def _members(value: Any) -> int:
    if isinstance(value, dict):
        return len(value) + sum(map(_members, value.values()))
    return sum(map(_members, value)) if isinstance(value, list) else 0


def _check_strings(value: Any) -> None:
    # An escape may be half of a pair, or follow a backslash and be plain text.
    if isinstance(value, str):
        if "\0" in value:
            raise _malformed("The body holds a NUL character")
        try:
            value.encode()
        except UnicodeEncodeError:
            raise _malformed("The body holds half of a surrogate pair") from None
    elif isinstance(value, dict):
        for key, item in value.items():
            _check_strings(key)
            _check_strings(item)
    elif isinstance(value, list):
        for item in value:
            _check_strings(item)
