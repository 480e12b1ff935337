"""Many accounts at once."""

from collections.abc import Sequence
from uuid import UUID

from app.db import UnitOfWork


async def owners_with_ids(work: UnitOfWork, ids: Sequence[UUID]) -> dict[UUID, str]:
    """The e-mail addresses of the accounts that exist, by their ids."""
    users = work.collection("users")
    found = await users.find({"_id": {"$in": [*ids]}}, fields=["email"])
    return {user["_id"]: user["email"] for user in found}
