"""Orders over gRPC."""

from app.proto.orders.v1 import orders_pb2
from tests.support.calls import Client
from tests.support.orders import new_order


def test_an_order_is_created_and_placed(member: Client) -> None:
    created = member.orders.CreateOrder(new_order())
    assert created.total == "9.00"
    placed = member.orders.PlaceOrder(orders_pb2.PlaceOrderRequest(name=created.name))
    assert placed.state == orders_pb2.Order.STATE_PLACED
