"""Orders to send."""

from typing import Any
from uuid import uuid4

from app.proto.orders.v1 import orders_pb2


def line(**changes: Any) -> orders_pb2.OrderLine:
    """A valid line, with fields changed."""
    fields = {"sku": "TEA-001", "quantity": 2, "unit_price": "4.50", **changes}
    return orders_pb2.OrderLine(**fields)


def new_order(**changes: Any) -> orders_pb2.CreateOrderRequest:
    """A valid request with a reference of its own, with fields of the order changed."""
    reference = f"ref-{uuid4().hex[:12]}"
    order = {"customer_reference": reference, "currency": "EUR", "lines": [line()], **changes}
    return orders_pb2.CreateOrderRequest(order=orders_pb2.Order(**order))
