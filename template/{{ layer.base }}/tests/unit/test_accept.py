"""Which `Accept` headers leave room for JSON."""

import pytest

from app.http.middleware.strictness import accepts_json


@pytest.mark.parametrize(
    "accept",
    [
        b"",
        b"*/*",
        b"application/*",
        b"Application/JSON; charset=utf-8",
        b"text/html, application/xhtml+xml, */*;q=0.1",
        b"application/vnd.orders.v1+json",
        b"text/html, application/problem+json;q=0.5",
        b"text/html;q=0, application/json;q=0.001",
        b", ,application/json",
    ],
)
def test_json_is_acceptable(accept: bytes) -> None:
    assert accepts_json(accept)


@pytest.mark.parametrize(
    "accept",
    [
        b"text/html",
        b"application/xml, text/*",
        b"application/json;q=0",
        b"application/json;q=0.000, */*",
        b"*/*;q=0",
        b"application/*;q=0, */*",
        b"application/vnd.orders.v1+json;q=0",
        b"nonsense",
    ],
)
def test_json_is_ruled_out(accept: bytes) -> None:
    assert not accepts_json(accept)
