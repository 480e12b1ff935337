"""Pages of orders."""

import pytest

from app.proto.orders.v1 import orders_pb2
from tests.support.calls import Client, refusal
from tests.support.orders import new_order

Request = orders_pb2.ListOrdersRequest


def names(response: orders_pb2.ListOrdersResponse) -> list[str]:
    return [order.name for order in response.orders]


@pytest.mark.parametrize("order_by", ["create_time", "create_time desc", ""])
def test_pages_hold_each_order_once_while_others_are_added(member: Client, order_by: str) -> None:
    made = [member.orders.CreateOrder(new_order()).name for _ in range(5)]
    first = member.orders.ListOrders(Request(page_size=2, order_by=order_by))
    late = member.orders.CreateOrder(new_order()).name
    pages = [first]
    while token := pages[-1].next_page_token:
        request = Request(page_size=2, order_by=order_by, page_token=token)
        pages.append(member.orders.ListOrders(request))
    seen = [name for page in pages for name in names(page)]
    assert seen == ([*made, late] if order_by == "create_time" else made[::-1])


def test_a_page_has_twenty_orders_and_never_more_than_a_hundred(member: Client) -> None:
    for _ in range(101):
        member.orders.CreateOrder(new_order())
    assert len(names(member.orders.ListOrders(Request()))) == 20
    whole = member.orders.ListOrders(Request(page_size=1000))
    assert len(names(whole)) == 100
    rest = member.orders.ListOrders(Request(page_size=1000, page_token=whole.next_page_token))
    assert (len(names(rest)), rest.next_page_token) == (1, "")


def test_a_list_may_be_of_one_state(member: Client) -> None:
    draft, placed = (member.orders.CreateOrder(new_order()) for _ in range(2))
    member.orders.PlaceOrder(orders_pb2.PlaceOrderRequest(name=placed.name))
    for state, order in (("STATE_DRAFT", draft), ("STATE_PLACED", placed)):
        request = Request(state=orders_pb2.Order.State.Value(state))
        assert names(member.orders.ListOrders(request)) == [order.name]


def test_a_token_belongs_to_its_list(member: Client, other_member: Client) -> None:
    for client in (member, other_member):
        for _ in range(2):
            client.orders.CreateOrder(new_order())
    token = member.orders.ListOrders(Request(page_size=1)).next_page_token
    for client, request in (
        (member, Request(page_token=token, order_by="create_time")),
        (member, Request(page_token=token, state=orders_pb2.Order.STATE_DRAFT)),
        (member, Request(page_token=token[:-2] + "AA")),
        (member, Request(page_token="nonsense")),
        (other_member, Request(page_token=token)),
    ):
        assert refusal(client.orders.ListOrders, request).code == "INVALID_CURSOR"


def test_what_cannot_be_listed_is_told(member: Client) -> None:
    request = Request(page_size=-1, page_token="x" * 513, order_by="total", state=99)  # type: ignore[arg-type]
    assert sorted(refusal(member.orders.ListOrders, request).fields) == [
        "order_by",
        "page_size",
        "page_token",
        "state",
    ]


def test_only_who_may_read_all_sees_the_orders_of_others(
    member: Client, other_member: Client, admin: Client
) -> None:
    order = member.orders.CreateOrder(new_order())
    assert order.name not in names(other_member.orders.ListOrders(Request(page_size=100)))
    assert order.name in names(admin.orders.ListOrders(Request(page_size=100)))
