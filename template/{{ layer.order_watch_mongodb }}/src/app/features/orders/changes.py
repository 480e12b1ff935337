"""Which orders have changed lately."""

from datetime import datetime
from operator import itemgetter
from typing import NamedTuple
from uuid import UUID

from pymongo import DESCENDING

from app.db import UnitOfWork
from app.db.audit import COLLECTION as AUDIT

_KIND = "orders/"


class OrderChange(NamedTuple):
    """An order, by the version that its last change has made."""

    order_id: UUID
    owner: str
    version: int


async def changed_orders(work: UnitOfWork, since: datetime, limit: int) -> list[OrderChange]:
    """The orders that have changed since then, the latest last.

    The audit trail tells of them, as nothing changes an order without it; orders themselves need no
    index on when they changed. Of more than `limit` changes the latest count.
    """
    touched = await work.collection(AUDIT).find(
        {"occurred_at": {"$gt": since}, "object": {"$regex": f"^{_KIND}"}},
        sort=[("occurred_at", DESCENDING)],
        limit=limit,
        fields=["object"],
    )
    ids = {UUID(event["object"].removeprefix(_KIND)) for event in touched}
    if not ids:
        return []
    found = await work.collection("orders").find(
        {"_id": {"$in": [*ids]}}, fields=["owner", "version", "updated_at"]
    )
    found.sort(key=itemgetter("updated_at"))
    return [OrderChange(order["_id"], order["owner"], order["version"]) for order in found]
