"""Many clients at once."""

from collections.abc import Sequence
from uuid import UUID

from app.db import UnitOfWork


async def owners_with_ids(work: UnitOfWork, ids: Sequence[UUID]) -> dict[UUID, str]:
    """The names of the clients that exist, by their ids."""
    clients = work.collection("api_clients")
    found = await clients.find({"_id": {"$in": [*ids]}}, fields=["name"])
    return {client["_id"]: client["name"] for client in found}
