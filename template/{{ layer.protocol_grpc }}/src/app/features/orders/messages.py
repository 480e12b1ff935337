"""Orders as messages of the contract."""

from decimal import Decimal
from uuid import UUID

from app.errors import FieldFault
from app.features.orders.model import Order, OrderChanges, OrderDraft, OrderLine, OrderStatus
from app.proto.orders.v1 import orders_pb2
from app.transport.interceptors.messages import faults, refuse

State = orders_pb2.Order.State

_STATES = {
    OrderStatus.DRAFT: State.STATE_DRAFT,
    OrderStatus.PLACED: State.STATE_PLACED,
    OrderStatus.SHIPPED: State.STATE_SHIPPED,
    OrderStatus.CANCELLED: State.STATE_CANCELLED,
}
_STATUSES = {state: status for status, state in _STATES.items()}
_NAME = "orders/"
_MUTABLE = frozenset({"customer_reference", "lines"})
_CENT = Decimal("0.01")


def order_message(order: Order) -> orders_pb2.Order:
    """The order as clients see it."""
    message = orders_pb2.Order(
        name=f"{_NAME}{order.id}",
        uid=str(order.id),
        customer_reference=order.customer_reference,
        state=_STATES[order.status],
        currency=order.currency,
        lines=[
            orders_pb2.OrderLine(
                sku=line.sku, quantity=line.quantity, unit_price=str(line.unit_price)
            )
            for line in order.lines
        ],
        total=str(order.total),
        etag=etag(order.version),
    )
    message.create_time.FromDatetime(order.created_at)
    message.update_time.FromDatetime(order.updated_at)
    return message


def order_draft(message: orders_pb2.Order) -> OrderDraft:
    """What a caller says of a new order."""
    return OrderDraft(message.customer_reference, message.currency, _lines(message))


def order_changes(request: orders_pb2.UpdateOrderRequest) -> OrderChanges:
    """What the mask names of the order, or all that is not empty where there is no mask.

    Raises VALIDATION_ERROR for what of it breaks a rule: the rest is not looked at.
    """
    order = request.order
    wanted = set(request.update_mask.paths) or {name for name in _MUTABLE if getattr(order, name)}
    named = f"{_NAME}{_uid(order.name)}".lower() == order.name.lower()
    found = [] if named else [FieldFault("order.name", "must be the name of an order")]
    if not wanted:
        found.append(FieldFault("update_mask", "must name at least one field"))
    if not wanted <= _MUTABLE:
        # The rule of the contract lets paths pass that lead further in.
        found.append(FieldFault("update_mask", "must name whole fields"))
    found += [
        fault
        for fault in faults(order, "order.")
        if fault.field.split(".")[1].partition("[")[0] in wanted
    ]
    refuse(found)
    return OrderChanges(
        customer_reference=order.customer_reference if "customer_reference" in wanted else None,
        lines=_lines(order) if "lines" in wanted else None,
    )


def order_id(name: str) -> UUID:
    """The id in the name of an order, which has been validated."""
    return UUID(name.removeprefix(_NAME))


def order_status(state: State.ValueType) -> OrderStatus | None:
    """The status of a state; None where none is given."""
    return _STATUSES.get(state)


def etag(version: int) -> str:
    """The entity tag of a version."""
    return f'"{version}"'


def expected_versions(tag: str) -> frozenset[int]:
    """The version that an entity tag stands for; none for a tag that no order ever has."""
    number = tag.strip('"')
    known = number.isascii() and number.isdecimal() and etag(int(number[:18])) == tag
    return frozenset({int(number)} if known else ())


def _uid(name: str) -> UUID | None:
    try:
        return UUID(name.removeprefix(_NAME))
    except ValueError:
        return None


def _lines(message: orders_pb2.Order) -> tuple[OrderLine, ...]:
    return tuple(
        OrderLine(line.sku, line.quantity, Decimal(line.unit_price).quantize(_CENT))
        for line in message.lines
    )
