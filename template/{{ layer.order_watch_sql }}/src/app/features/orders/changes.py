"""Which orders have changed lately."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Index, Integer, bindparam, select

from app.db import UnitOfWork
from app.db.schema import UtcDateTime
from app.db.statement import Statement
from app.features.orders.store import orders

Index(None, orders.c.updated_at)

_CHANGED = Statement(
    select(orders.c.id, orders.c.owner, orders.c.version)
    .where(orders.c.updated_at > bindparam("since", type_=UtcDateTime))
    .order_by(orders.c.updated_at.desc())
    .limit(bindparam("limit", type_=Integer))
)


class OrderChange(NamedTuple):
    """An order, by the version that its last change has made."""

    order_id: UUID
    owner: str
    version: int


async def changed_orders(work: UnitOfWork, since: datetime, limit: int) -> list[OrderChange]:
    """The orders that have changed since then, the latest first."""
    return [OrderChange(*row) for row in await work.fetch(_CHANGED, since=since, limit=limit)]
