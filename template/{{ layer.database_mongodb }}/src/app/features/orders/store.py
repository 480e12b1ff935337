"""Orders in the database."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pymongo import ASCENDING, DESCENDING

from app.db import UnitOfWork
from app.db.client import Document
from app.features.orders.model import Order, OrderLine, OrderStatus
from app.platform.pagination import Position

OrderSort = Literal["created_at", "-created_at"]


class OrderStore:
    """Orders as seen from one unit of work."""

    def __init__(self, work: UnitOfWork) -> None:
        self._orders = work.collection("orders")
        self._confirmations = work.collection("order_confirmations")

    async def add(self, order: Order) -> None:
        """Store a new order."""
        await self._orders.insert_one(
            {
                "_id": order.id,
                "owner": order.owner,
                "currency": order.currency,
                "created_at": order.created_at,
                **_changeable(order),
            }
        )

    async def get(self, order_id: UUID) -> Order | None:
        """The order with its lines."""
        found = await self._orders.find_one({"_id": order_id})
        return None if found is None else _order(found)

    async def update(self, order: Order, expected_version: int) -> bool:
        """Store a changed order; false when it is no longer at the expected version."""
        return await self._orders.update_one(
            {"_id": order.id, "version": expected_version}, {"$set": _changeable(order)}
        )

    async def page(
        self,
        *,
        owner: str | None,
        status: OrderStatus | None,
        sort: OrderSort,
        after: Position | None,
        limit: int,
    ) -> list[Order]:
        """Orders beyond a position, of one owner and in one status, or of all."""
        newest_first = sort == "-created_at"
        wanted: dict[str, Any] = {}
        if owner is not None:
            wanted["owner"] = owner
        if status is not None:
            wanted["status"] = status
        if after is not None:
            wanted |= _beyond(after.created_at, after.id, newest_first=newest_first)
        direction = DESCENDING if newest_first else ASCENDING
        found = await self._orders.find(
            wanted, sort=[("created_at", direction), ("_id", direction)], limit=limit
        )
        return [_order(document) for document in found]

    async def record_confirmation(self, order_id: UUID, message_id: UUID) -> None:
        """Note that the customer has been told of the placement; CONFLICT when already noted."""
        await self._confirmations.insert_one({"_id": order_id, "message_id": message_id})

    async def is_confirmed(self, order_id: UUID) -> bool:
        """Whether the customer has been told of the placement."""
        return await self._confirmations.find_one({"_id": order_id}) is not None


def _beyond(moment: datetime, order_id: UUID, *, newest_first: bool) -> dict[str, Any]:
    """What follows a position, by a range of the index less those of the same moment before it.

    As alternatives ("later, or as late with a greater id") the planner might want two indexes.
    """
    further, before = ("$lte", "$gte") if newest_first else ("$gte", "$lte")
    return {
        "created_at": {further: moment},
        "$nor": [{"created_at": moment, "_id": {before: order_id}}],
    }


def _changeable(order: Order) -> Document:
    return {
        "customer_reference": order.customer_reference,
        "status": order.status,
        "lines": [
            {"sku": line.sku, "quantity": line.quantity, "unit_price": line.unit_price}
            for line in order.lines
        ],
        "total": order.total,
        "version": order.version,
        "updated_at": order.updated_at,
    }


def _order(document: Document) -> Order:
    return Order(
        id=document["_id"],
        owner=document["owner"],
        customer_reference=document["customer_reference"],
        status=OrderStatus(document["status"]),
        currency=document["currency"],
        # By name: a later release may have added fields.
        lines=tuple(
            OrderLine(line["sku"], line["quantity"], line["unit_price"])
            for line in document["lines"]
        ),
        total=document["total"],
        version=document["version"],
        created_at=document["created_at"],
        updated_at=document["updated_at"],
    )
