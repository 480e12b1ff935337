"""The simplest use of the API, for tests that do not care for its protocol."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple
from uuid import uuid4

import grpc

from app.proto.orders.v1 import orders_pb2
from tests.support.calls import Refusal, answered, calling, target
from tests.support.orders import new_order
from tests.support.service import Service

DOCUMENTED = "127.0.0.1:50051"
"""Where the documentation says that it is."""

PRODUCTION_SETTINGS: dict[str, str] = {"GRPC_INSECURE": "true"}
WEAK_SETTINGS: dict[str, str] = {"GRPC_REFLECTION": "true"}
"""What production requires of the protocol, and what it refuses."""


class Answer(NamedTuple):
    """`code` is OK or that of the error; `limited` says that a rate limit was told of."""

    code: str
    limited: bool


def address(service: Service) -> str:
    """Where clients reach the API."""
    return target(service)


@contextmanager
def probing(
    service: Service, headers: Mapping[str, str] | None = None
) -> Iterator[Callable[[], Answer]]:
    """A caller who lists orders with each call of the result, which says how it went."""
    with calling(service, headers) as client:

        def ask() -> Answer:
            try:
                _, metadata = answered(client.orders.ListOrders, orders_pb2.ListOrdersRequest())
            except grpc.RpcError as error:
                refused = Refusal.of(error)
                return Answer(refused.code, "x-ratelimit-limit" in refused.metadata)
            return Answer("OK", "x-ratelimit-limit" in metadata)

        yield ask


def place_order(service: Service, headers: Mapping[str, str]) -> None:
    """Let a caller create an order and place it."""
    with calling(service, headers) as client:
        key = {"idempotency-key": uuid4().hex}
        created, _ = answered(client.orders.CreateOrder, new_order(), key)
        answered(client.orders.PlaceOrder, orders_pb2.PlaceOrderRequest(name=created.name))
