"""Calls that are sent again with the same `idempotency-key`."""

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import grpc
import pytest

from app.proto.orders.v1 import orders_pb2
from tests.support.calls import Client, Refusal, answered, refusal
from tests.support.orders import new_order


def test_a_call_sent_again_is_answered_but_not_repeated(member: Client) -> None:
    key, request = {"idempotency-key": uuid4().hex}, new_order()
    first, told = answered(member.orders.CreateOrder, request, key)
    again, told_again = answered(member.orders.CreateOrder, request, key)
    assert first == again
    assert "idempotency-replayed" not in told
    assert told_again["idempotency-replayed"] == "true"
    place = orders_pb2.PlaceOrderRequest(name=first.name)
    placed, _ = answered(member.orders.PlaceOrder, place, key)
    replayed, told = answered(member.orders.PlaceOrder, place, key)
    assert placed == replayed
    assert told["idempotency-replayed"] == "true"
    assert len(member.orders.ListOrders(orders_pb2.ListOrdersRequest()).orders) == 1


def test_a_key_is_for_one_message(member: Client) -> None:
    key = (("idempotency-key", uuid4().hex),)
    member.orders.CreateOrder(new_order(), metadata=key)
    reused = refusal(member.orders.CreateOrder, new_order(), metadata=key)
    assert reused.status is grpc.StatusCode.INVALID_ARGUMENT
    assert reused.code == "IDEMPOTENCY_KEY_REUSED"


def test_a_key_belongs_to_its_caller(member: Client, other_member: Client) -> None:
    key, request = {"idempotency-key": uuid4().hex}, new_order()
    mine, _ = answered(member.orders.CreateOrder, request, key)
    theirs, told = answered(other_member.orders.CreateOrder, request, key)
    assert mine.name != theirs.name
    assert "idempotency-replayed" not in told


def test_a_call_that_failed_may_be_sent_again(member: Client) -> None:
    key = {"idempotency-key": uuid4().hex}
    order = member.orders.CreateOrder(new_order())
    place = orders_pb2.PlaceOrderRequest(name=order.name)
    member.orders.PlaceOrder(place)
    sent = [*key.items()]
    assert refusal(member.orders.PlaceOrder, place, metadata=sent).code == "INVALID_STATE"
    assert refusal(member.orders.PlaceOrder, place, metadata=sent).code == "INVALID_STATE"


def test_one_of_many_at_once_does_the_work(member: Client) -> None:
    key, request = (("idempotency-key", uuid4().hex),), new_order()

    def create(_: int) -> str:
        try:
            return member.orders.CreateOrder(request, metadata=key).name
        except grpc.RpcError as error:
            return Refusal.of(error).code

    with ThreadPoolExecutor(8) as threads:
        made = {*threads.map(create, range(16))} - {"IDEMPOTENCY_IN_PROGRESS"}
    assert len(made) == 1
    assert len(member.orders.ListOrders(orders_pb2.ListOrdersRequest()).orders) == 1


@pytest.mark.parametrize("key", ["", "x" * 256])
def test_a_key_that_cannot_be_one_is_refused(member: Client, key: str) -> None:
    wrong = refusal(member.orders.CreateOrder, new_order(), metadata=[("idempotency-key", key)])
    assert (wrong.code, wrong.fields) == ("VALIDATION_ERROR", ["idempotency-key"])


def test_a_repeated_key_is_refused(member: Client) -> None:
    twice = [("idempotency-key", "a"), ("idempotency-key", "b")]
    wrong = refusal(member.orders.CreateOrder, new_order(), metadata=twice)
    assert wrong.code == "MALFORMED_REQUEST"
