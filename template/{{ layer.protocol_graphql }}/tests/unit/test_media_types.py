"""Which of the two media types answers."""

import pytest

from app.errors import AppError, ErrorCode
from app.transport.graphql.media import GRAPHQL, JSON, response_type


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ("", JSON),
        (",", JSON),
        ("*/*", JSON),
        (GRAPHQL.upper(), GRAPHQL),
        (f"{GRAPHQL}; charset=utf-8, {JSON}", GRAPHQL),
        (f"{GRAPHQL};q=0.5, application/*;q=0.6", JSON),
        (f"{GRAPHQL};q=nonsense, {JSON}", JSON),
        (f"{GRAPHQL};q=7, {JSON}", GRAPHQL),
    ],
)
def test_the_more_wanted_one_is_chosen(accept: str, chosen: str) -> None:
    assert response_type(accept) == chosen


@pytest.mark.parametrize("accept", ["text/html", f"{JSON};q=0, */*", f"{GRAPHQL};q=0"])
def test_neither_is_an_error(accept: str) -> None:
    with pytest.raises(AppError) as raised:
        response_type(accept)
    assert raised.value.code is ErrorCode.NOT_ACCEPTABLE
