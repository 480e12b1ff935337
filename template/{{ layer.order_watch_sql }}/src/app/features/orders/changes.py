"""Which orders have changed lately."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Integer, bindparam, select

from app.db import UnitOfWork
from app.db.audit import audit_events
from app.db.schema import UtcDateTime
from app.db.statement import Statement
from app.features.orders.store import orders

_KIND = "orders/"
_TOUCHED = Statement(
    select(audit_events.c.object)
    .where(
        audit_events.c.occurred_at > bindparam("since", type_=UtcDateTime),
        audit_events.c.object.startswith(_KIND, autoescape=True),
    )
    .order_by(audit_events.c.occurred_at.desc())
    .limit(bindparam("limit", type_=Integer))
)


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
    touched = await work.fetch(_TOUCHED, since=since, limit=limit)
    ids = {UUID(name.removeprefix(_KIND)) for (name,) in touched}
    if not ids:
        return []
    query = select(orders.c.id, orders.c.owner, orders.c.version)
    found = await work.connection.execute(
        query.where(orders.c.id.in_(ids)).order_by(orders.c.updated_at)
    )
    return [OrderChange(*row) for row in found]
