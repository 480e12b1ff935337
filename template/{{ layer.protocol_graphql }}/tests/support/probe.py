"""The simplest use of the API, for tests that do not care for its protocol."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple
from uuid import uuid4

from tests.support.graphql import CREATE, PLACE, codes, run, send
from tests.support.orders import order_draft
from tests.support.service import Service

DOCUMENTED = "http://127.0.0.1:8000"
"""Where the documentation says that it is."""

PRODUCTION_SETTINGS: dict[str, str] = {}
WEAK_SETTINGS: dict[str, str] = {"GRAPHQL_MAX_DEPTH": "hunter2"}
"""What production requires of the protocol, and what it refuses."""


class Answer(NamedTuple):
    """`code` is OK or that of the error; `limited` says that a rate limit was told of."""

    code: str
    limited: bool


def address(service: Service) -> str:
    """Where clients reach the API."""
    return service.url


@contextmanager
def probing(
    service: Service, headers: Mapping[str, str] | None = None
) -> Iterator[Callable[[], Answer]]:
    """A caller who lists orders with each call of the result, which says how it went."""
    with service.client(headers=dict(headers or {})) as client:

        def ask() -> Answer:
            response = send(client, "{ orders(first: 1) { nodes { id } } }")
            code = next(iter(codes(response)), "OK")
            return Answer(code, "X-RateLimit-Limit" in response.headers)

        yield ask


def place_order(service: Service, headers: Mapping[str, str]) -> None:
    """Let a caller create an order and place it."""
    with service.client(headers=dict(headers)) as client:
        created = run(client, CREATE, input=order_draft(), key=str(uuid4()))
        run(client, PLACE, id=created["order"]["id"])
