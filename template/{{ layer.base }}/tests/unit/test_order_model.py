"""The rules of an order."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from app.errors import AppError, ErrorCode
from app.features.orders.model import Order, OrderChanges, OrderDraft, OrderLine, OrderStatus

LINE = OrderLine("TEA-001", 3, Decimal("0.10"))


def draft() -> Order:
    return Order.new("somebody", OrderDraft("PO 1", "EUR", (LINE,)))


def test_the_total_is_exact() -> None:
    assert draft().total == Decimal("0.30")


def test_each_step_counts_as_a_version() -> None:
    order = draft()
    assert [order.version, order.placed().version, order.placed().cancelled().version] == [1, 2, 3]


def test_a_change_leaves_what_it_does_not_name() -> None:
    changed = draft().changed(OrderChanges(customer_reference="PO 2"))
    assert (changed.customer_reference, changed.lines) == ("PO 2", (LINE,))


@pytest.mark.parametrize(
    ("before", "step"),
    [
        (lambda: draft().placed(), Order.placed),
        (lambda: draft().cancelled(), Order.placed),
        (lambda: draft().cancelled(), Order.cancelled),
        (lambda: draft().placed(), lambda order: order.changed(OrderChanges())),
    ],
)
def test_a_step_out_of_turn_is_an_invalid_state(
    before: Callable[[], Order], step: Callable[[Order], Order]
) -> None:
    with pytest.raises(AppError) as raised:
        step(before())
    assert raised.value.code is ErrorCode.INVALID_STATE


def test_a_placed_order_may_be_cancelled() -> None:
    assert draft().placed().cancelled().status is OrderStatus.CANCELLED
