"""What is in the tables, whatever stores say of it."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select

from app.db import UnitOfWork
from app.db.idempotency import idempotency_records
from app.features.orders.store import orders
from app.platform.idempotency import IdempotencyKey


async def stored_records(work: UnitOfWork, key: IdempotencyKey) -> list[Sequence[Any]]:
    """The record of an idempotency key, if any."""
    query = select(idempotency_records).where(idempotency_records.c.key_digest == key.digest())
    return list((await work.connection.execute(query)).all())


async def order_owners(work: UnitOfWork) -> list[str]:
    """The owner of each order."""
    return list(await work.connection.scalars(select(orders.c.owner)))
