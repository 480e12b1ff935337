"""Where a bearer token may stand in a request."""

import pytest

from app.auth.authentication import AuthRequest, bearer_token
from app.errors import AppError, ErrorCode

HEADERS = {"authorization": "Bearer one"}


@pytest.mark.parametrize("query", ["", "limit=10", "access_tokens=x", "q=access_token", "%ff&=&%"])
def test_the_token_stands_in_the_header(query: str) -> None:
    assert bearer_token(AuthRequest("GET", HEADERS, query)) == "one"
    assert bearer_token(AuthRequest("GET", {}, query)) is None


@pytest.mark.parametrize(
    "query",
    [
        "access_token=x",
        "limit=10&access_token=x",
        "access_token",
        "access%5Ftoken=x",
        "%61ccess_token=",
    ],
)
def test_a_token_in_the_query_string_is_refused_however_it_is_written(query: str) -> None:
    for headers in ({}, HEADERS):
        with pytest.raises(AppError) as raised:
            bearer_token(AuthRequest("GET", headers, query))
        assert raised.value.code is ErrorCode.UNAUTHENTICATED
