"""Orders to send."""

from typing import Any
from uuid import uuid4


def order_line(**changes: Any) -> dict[str, Any]:
    """A valid line, with fields changed."""
    return {"sku": "TEA-001", "quantity": 2, "unit_price": "4.50", **changes}


def order_draft(**changes: Any) -> dict[str, Any]:
    """A valid body of `POST /orders` with a reference of its own, with fields changed."""
    return {
        "customer_reference": f"ref-{uuid4().hex[:12]}",
        "currency": "EUR",
        "lines": [order_line()],
        **changes,
    }
