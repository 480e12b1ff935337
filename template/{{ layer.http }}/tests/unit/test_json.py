"""Which JSON is taken, and which is refused because it could mean two things or harm."""

import json

import pytest

from app.errors import AppError, ErrorCode
from app.http.json import parse_json


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b"null", None),
        (b'{"a": [1, -2.5e3, "x", true]}', {"a": [1, -2500.0, "x", True]}),
        (b"9223372036854775807", 2**63 - 1),
        ('"Grüße 😀"'.encode(), "Grüße 😀"),
        (rb'"\ud83d\ude00"', "😀"),
        (rb'"\\u0000 \\ud800"', r"\u0000 \ud800"),
        (b'"' + b"[" * 100 + b'"', "[" * 100),
    ],
)
def test_json_is_parsed(text: bytes, value: object) -> None:
    assert parse_json(text) == value


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[1,]",
        b"{'a': 1}",
        b"{} x",
        b'"\n"',
        b'"\x00"',
        b'{"a": 1, "a": 1}',
        b'[{"b": {"a": 1, "a": 2}}]',
        b"NaN",
        b"[-Infinity]",
        b"1e400",
        b"-1e400",
        b"1" * 400 + b".5",
        b"1" * 20,
        b"-" + b"1" * 5000,
        rb'"\ud800"',
        rb'{"\udfff": 1}',
        rb'["x\u0000"]',
        b"\xff",
        b'"\xed\xa0\x80"',
        b"\xef\xbb\xbf{}",
        "{}".encode("utf-16"),
    ],
)
def test_doubtful_json_is_refused(text: bytes) -> None:
    with pytest.raises(AppError) as refusal:
        parse_json(text)
    assert refusal.value.code is ErrorCode.MALFORMED_REQUEST


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
@pytest.mark.parametrize("depth", [65, 1000, 100_000])
def test_deep_json_is_refused(opening: bytes, depth: int) -> None:
    closing = b"]" if opening == b"[" else b"}"
    with pytest.raises(AppError, match="deeper than 64"):
        parse_json(opening * depth + b"1" + closing * depth)


def test_json_of_too_many_members_is_refused() -> None:
    objects = [{str(number): 0 for number in range(100)}] * 100
    assert parse_json(json.dumps(objects).encode()) == objects
    with pytest.raises(AppError, match="10,000 members"):
        parse_json(json.dumps([*objects, {"one": "more"}]).encode())


def test_64_levels_and_a_broad_document_are_not_deep() -> None:
    parse_json(b"[" * 64 + b"]" * 64)
    broad = [{"sku": "TEA", "tags": ["a", "b"]}] * 1000
    assert parse_json(json.dumps(broad).encode()) == broad
