"""The life of an order over gRPC."""

from uuid import UUID, uuid4

import grpc
import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from app.proto.orders.v1 import orders_pb2
from tests.support.calls import Client, refusal
from tests.support.orders import line, new_order

Order = orders_pb2.Order


def get(client: Client, order: Order) -> Order:
    return client.orders.GetOrder(orders_pb2.GetOrderRequest(name=order.name))


def place(client: Client, order: Order) -> Order:
    return client.orders.PlaceOrder(orders_pb2.PlaceOrderRequest(name=order.name))


def update(order: Order, *paths: str, **changes: object) -> orders_pb2.UpdateOrderRequest:
    """A change of the order in the version that is given."""
    changed = Order(**{"name": order.name, "etag": order.etag, **changes})  # type: ignore[arg-type]
    return orders_pb2.UpdateOrderRequest(order=changed, update_mask=FieldMask(paths=paths))


def test_a_new_order_is_a_draft_with_a_total(member: Client) -> None:
    lines = [line(), line(sku="CUP-9", quantity=10_000, unit_price="0.1")]
    request = new_order(customer_reference="Zoë & søn", lines=lines)
    request.order.MergeFrom(Order(total="0.01", state=Order.STATE_SHIPPED, etag="mine"))
    order = member.orders.CreateOrder(request)
    assert order.name == f"orders/{order.uid}"
    assert UUID(order.uid).version == 7
    assert order.customer_reference == "Zoë & søn"
    assert order.state == Order.STATE_DRAFT
    assert [it.unit_price for it in order.lines] == ["4.50", "0.10"]
    assert order.total == "1009.00"
    assert order.etag == '"1"'
    assert order.create_time == order.update_time
    assert get(member, order) == order


def test_an_order_is_placed_once(member: Client) -> None:
    order = member.orders.CreateOrder(new_order())
    placed = place(member, order)
    assert placed.state == Order.STATE_PLACED
    assert placed.etag == '"2"'
    again = refusal(member.orders.PlaceOrder, orders_pb2.PlaceOrderRequest(name=order.name))
    assert again.status is grpc.StatusCode.FAILED_PRECONDITION
    assert again.code == "INVALID_STATE"


def test_an_order_is_cancelled_unless_it_is_over(member: Client) -> None:
    for order in (
        member.orders.CreateOrder(new_order()),
        place(member, member.orders.CreateOrder(new_order())),
    ):
        request = orders_pb2.CancelOrderRequest(name=order.name)
        assert member.orders.CancelOrder(request).state == Order.STATE_CANCELLED
        assert refusal(member.orders.CancelOrder, request).code == "INVALID_STATE"


def test_an_update_changes_what_the_mask_names(member: Client) -> None:
    order = member.orders.CreateOrder(new_order())
    new_lines = [line(quantity=5)]
    changed = member.orders.UpdateOrder(
        update(order, "lines", lines=new_lines, customer_reference="not in the mask")
    )
    assert changed.total == "22.50"
    assert changed.customer_reference == order.customer_reference
    renamed = member.orders.UpdateOrder(update(changed, customer_reference="PO-2"))
    assert (renamed.customer_reference, renamed.total) == ("PO-2", "22.50")


def test_an_update_tells_every_fault_of_what_it_changes(member: Client) -> None:
    order = member.orders.CreateOrder(new_order())
    wrong = refusal(
        member.orders.UpdateOrder,
        update(order, "customer_reference", "lines", lines=[line(quantity=0)]),
    )
    assert wrong.fields == ["order.customer_reference", "order.lines[0].quantity"]
    for paths in (("state", "total"), ("*",), ("lines.sku",), ("customer_reference", "lines.sku")):
        unknown = refusal(member.orders.UpdateOrder, update(order, *paths, customer_reference="x"))
        assert unknown.fields == ["update_mask"], paths
    empty = refusal(member.orders.UpdateOrder, orders_pb2.UpdateOrderRequest())
    assert empty.fields == ["order.name", "update_mask"]
    removed = refusal(member.orders.UpdateOrder, update(order, "lines"))
    assert removed.fields == ["order.lines"]


def test_an_update_needs_the_version_that_it_changes(member: Client) -> None:
    order = member.orders.CreateOrder(new_order())
    member.orders.UpdateOrder(update(order, customer_reference="first"))
    stale = refusal(member.orders.UpdateOrder, update(order, customer_reference="second"))
    assert stale.status is grpc.StatusCode.ABORTED
    assert stale.code == "PRECONDITION_FAILED"
    for tag in ("1", '"one"', '"01"', '"' + "9" * 30 + '"'):
        order.etag = tag
        refused = refusal(member.orders.UpdateOrder, update(order, customer_reference="third"))
        assert refused.code == "PRECONDITION_FAILED"
    order.etag = ""
    blind = refusal(member.orders.UpdateOrder, update(order, customer_reference="fourth"))
    assert blind.status is grpc.StatusCode.FAILED_PRECONDITION
    assert blind.code == "PRECONDITION_REQUIRED"


def test_a_cancellation_may_name_the_version(member: Client) -> None:
    order = place(member, member.orders.CreateOrder(new_order()))
    stale = orders_pb2.CancelOrderRequest(name=order.name, etag='"1"')
    assert refusal(member.orders.CancelOrder, stale).code == "PRECONDITION_FAILED"
    current = orders_pb2.CancelOrderRequest(name=order.name, etag=order.etag)
    assert member.orders.CancelOrder(current).state == Order.STATE_CANCELLED


def test_every_fault_of_a_message_is_told_at_once(member: Client) -> None:
    order = Order(
        customer_reference="a\x07b",
        currency="eur",
        lines=[line(sku="-"), line(quantity=10_001), line(unit_price="1.005")],
    )
    wrong = refusal(member.orders.CreateOrder, orders_pb2.CreateOrderRequest(order=order))
    assert wrong.status is grpc.StatusCode.INVALID_ARGUMENT
    assert wrong.code == "VALIDATION_ERROR"
    assert sorted(wrong.fields) == [
        "order.currency",
        "order.customer_reference",
        "order.lines[0].sku",
        "order.lines[1].quantity",
        "order.lines[2].unit_price",
    ]
    assert "must be a decimal string such as 12.50" in wrong.issues
    assert all(wrong.issues)


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"customer_reference": ""}, ["order.customer_reference"]),
        ({"customer_reference": "x" * 65}, ["order.customer_reference"]),
        ({"customer_reference": "ü" * 64}, []),
        ({"customer_reference": "a\nb"}, ["order.customer_reference"]),
        ({"customer_reference": "a\0b"}, ["order.customer_reference"]),
        ({"currency": "EURO"}, ["order.currency"]),
        ({"currency": "EUR\n"}, ["order.currency"]),
        ({"lines": []}, ["order.lines"]),
        ({"lines": [line()] * 100}, []),
        ({"lines": [line()] * 101}, ["order.lines"]),
        ({"lines": [line(sku="x" * 65)]}, ["order.lines[0].sku"]),
        ({"lines": [line(sku="a b")]}, ["order.lines[0].sku"]),
        ({"lines": [line(quantity=-1)]}, ["order.lines[0].quantity"]),
        *(
            ({"lines": [line(unit_price=price)]}, ["order.lines[0].unit_price"])
            for price in ("", "-1", "1e3", "1,5", "NaN", "1.", ".5", "1" * 10, " 1", "1\n", "٣")
        ),
        ({"lines": [line(unit_price="999999999.99", quantity=10_000)]}, []),
        ({"lines": [line(unit_price="0")]}, []),
    ],
)
def test_the_rules_of_the_contract(
    member: Client, changes: dict[str, object], fields: list[str]
) -> None:
    request = new_order(**changes)
    if fields:
        assert refusal(member.orders.CreateOrder, request).fields == fields
    else:
        assert member.orders.CreateOrder(request).etag == '"1"'


def test_an_order_is_required(member: Client) -> None:
    assert refusal(member.orders.CreateOrder, orders_pb2.CreateOrderRequest()).fields == ["order"]


@pytest.mark.parametrize("name", ["", "orders/", "orders/1", "users/{}", "orders/{}/lines", "{}"])
def test_a_name_that_no_order_can_have_is_told_so(member: Client, name: str) -> None:
    request = orders_pb2.GetOrderRequest(name=name.format(uuid4()))
    wrong = refusal(member.orders.GetOrder, request)
    assert (wrong.code, wrong.fields) == ("VALIDATION_ERROR", ["name"])


def test_what_is_not_there_is_not_found(member: Client) -> None:
    missing = refusal(member.orders.GetOrder, orders_pb2.GetOrderRequest(name=f"orders/{uuid4()}"))
    assert missing.status is grpc.StatusCode.NOT_FOUND
    assert missing.code == "NOT_FOUND"


def test_orders_belong_to_who_made_them(
    member: Client, other_member: Client, admin: Client
) -> None:
    order = member.orders.CreateOrder(new_order())
    name = orders_pb2.GetOrderRequest(name=order.name)
    assert refusal(other_member.orders.GetOrder, name).code == "NOT_FOUND"
    assert (
        refusal(
            other_member.orders.CancelOrder, orders_pb2.CancelOrderRequest(name=order.name)
        ).code
        == "NOT_FOUND"
    )
    assert admin.orders.GetOrder(name) == order
    changed = refusal(admin.orders.CancelOrder, orders_pb2.CancelOrderRequest(name=order.name))
    assert changed.status is grpc.StatusCode.PERMISSION_DENIED
    assert changed.code == "FORBIDDEN"
