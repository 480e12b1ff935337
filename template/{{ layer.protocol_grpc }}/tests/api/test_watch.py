"""`WatchOrders`: orders as they change."""

import threading
import time
from collections.abc import Callable
from queue import Queue
from typing import Any

import grpc

from app.proto.orders.v1 import orders_pb2
from tests.support.accounts import sign_in, sign_in_for_a_while
from tests.support.calls import Client, Refusal, calling, refusal
from tests.support.orders import new_order
from tests.support.service import Service

State = orders_pb2.Order.State
ALL = orders_pb2.WatchOrdersRequest()


class Watch:
    """A stream that is read in the background; it has begun when this is made."""

    def __init__(self, client: Client, request: orders_pb2.WatchOrdersRequest = ALL) -> None:
        self._call: Any = client.orders.WatchOrders(request, timeout=30)
        self._heard: Queue[orders_pb2.Order | grpc.RpcError | None] = Queue()
        assert dict(self._call.initial_metadata())["x-request-id"]
        threading.Thread(target=self._listen, daemon=True).start()

    def next(self) -> orders_pb2.Order:
        """The next order that is told of."""
        heard = self._heard.get(timeout=10)
        assert isinstance(heard, orders_pb2.Order), heard
        return heard

    def until(self, state: State.ValueType) -> orders_pb2.Order:
        """The next order in the state: those before may have been left out."""
        while (order := self.next()).state != state:
            pass
        return order

    def end(self) -> Refusal:
        """How the stream has ended."""
        while True:
            heard = self._heard.get(timeout=10)
            if not isinstance(heard, orders_pb2.Order):
                return Refusal.of(heard)

    def cancel(self) -> None:
        self._call.cancel()

    def _listen(self) -> None:
        try:
            for message in self._call:
                self._heard.put(message.order)
            self._heard.put(None)
        except grpc.RpcError as error:
            self._heard.put(error)


def place(client: Client, order: orders_pb2.Order) -> orders_pb2.Order:
    return client.orders.PlaceOrder(orders_pb2.PlaceOrderRequest(name=order.name))


def test_one_order_is_told_of_as_it_is_and_as_it_becomes(member: Client) -> None:
    order = member.orders.CreateOrder(new_order())
    watch = Watch(member, orders_pb2.WatchOrdersRequest(name=order.name))
    assert watch.next() == order
    placed = place(member, order)
    assert watch.next() == placed
    watch.cancel()


def test_who_watches_all_hears_of_their_own_alone(member: Client, other_member: Client) -> None:
    mine = member.orders.CreateOrder(new_order())
    watch = Watch(member)
    time.sleep(1)
    place(other_member, other_member.orders.CreateOrder(new_order()))
    place(member, mine)
    heard = watch.until(State.STATE_PLACED)
    assert heard.name == mine.name
    watch.cancel()


def test_a_change_in_another_process_is_heard_of(
    service: Service, start_service: Callable[..., Service]
) -> None:
    other = start_service()
    headers = sign_in(service)
    with calling(service, headers) as here, calling(other, headers) as there:
        order = here.orders.CreateOrder(new_order())
        watch = Watch(here, orders_pb2.WatchOrdersRequest(name=order.name))
        assert watch.next() == order
        placed = place(there, order)
        assert watch.next() == placed
        watch.cancel()


def test_what_one_may_not_see_cannot_be_watched(
    member: Client, other_member: Client, anonymous: Client
) -> None:
    order = member.orders.CreateOrder(new_order())
    one = orders_pb2.WatchOrdersRequest(name=order.name)
    assert refusal(other_member.orders.WatchOrders, one).code == "NOT_FOUND"
    assert refusal(anonymous.orders.WatchOrders, ALL).code == "UNAUTHENTICATED"
    wrong = orders_pb2.WatchOrdersRequest(name="orders/1")
    assert refusal(member.orders.WatchOrders, wrong).fields == ["name"]


def test_a_stream_ends_with_the_credentials_of_its_caller(
    start_service: Callable[..., Service],
) -> None:
    service = start_service(GRPC_STREAM_CHECK_SECONDS="0.2")
    headers, end = sign_in_for_a_while(service)
    with calling(service, headers) as client:
        watch = Watch(client)
        end()
        ended = watch.end()
    assert ended.status is grpc.StatusCode.UNAUTHENTICATED
    assert ended.code in {"UNAUTHENTICATED", "TOKEN_EXPIRED"}


def test_a_stream_lasts_no_longer_than_the_limit(start_service: Callable[..., Service]) -> None:
    service = start_service(GRPC_MAX_STREAM_SECONDS="0.5")
    with calling(service, sign_in(service)) as client:
        began = time.monotonic()
        assert Watch(client).end().code == "DEADLINE_EXCEEDED"
        assert time.monotonic() - began < 3


def test_more_streams_than_the_limit_are_refused(start_service: Callable[..., Service]) -> None:
    service = start_service(GRPC_MAX_STREAMS="1")
    with calling(service, sign_in(service)) as client:
        watch = Watch(client)
        refused = refusal(client.orders.WatchOrders, ALL)
        assert refused.status is grpc.StatusCode.UNAVAILABLE
        assert refused.code == "OVERLOADED"
        client.orders.ListOrders(orders_pb2.ListOrdersRequest())
        watch.cancel()
