"""What is in the collections, whatever stores say of it."""

from collections.abc import Sequence
from typing import Any

from app.db import UnitOfWork
from app.platform.idempotency import IdempotencyKey


async def stored_records(work: UnitOfWork, key: IdempotencyKey) -> list[Sequence[Any]]:
    """The record of an idempotency key, if any."""
    found = await work.collection("idempotency_records").find({"_id": key.digest()})
    return [[*record.values()] for record in found]


async def order_owners(work: UnitOfWork) -> list[str]:
    """The owner of each order."""
    return [order["owner"] for order in await work.collection("orders").find({}, fields=["owner"])]
