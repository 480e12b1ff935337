"""The outbox as tests see it, behind its back, and a collection for what their handlers do."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

from app.db import Database, UnitOfWork


@asynccontextmanager
async def emptied(database: Database) -> AsyncIterator[None]:
    """Without messages before and after, and with a collection for effects."""
    async with database.single_writes() as work:
        await work.collection("outbox").delete_many({})
        await work.database.create_collection("effects")
    yield
    async with database.single_writes() as work:
        await work.database.drop_collection("effects")
        await work.collection("outbox").delete_many({})


async def stored(work: UnitOfWork) -> list[Any]:
    """The messages in the order of their publication."""
    found = await work.collection("outbox").find({}, sort=[("_id", 1)])
    return [SimpleNamespace(id=message.pop("_id"), **message) for message in found]


async def alter(work: UnitOfWork, **values: object) -> None:
    """Give all messages other values."""
    await work.collection("outbox").update_many({}, {"$set": values})


async def record(work: UnitOfWork, what: str) -> None:
    """An effect that can be counted."""
    await work.collection("effects").insert_one({"what": what})


async def recorded(work: UnitOfWork) -> list[str]:
    return [effect["what"] for effect in await work.collection("effects").find({})]
