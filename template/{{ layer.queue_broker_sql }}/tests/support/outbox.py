"""The outbox as tests see it, behind its back, and a table for what their handlers do."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import select, text

from app.db import Database, UnitOfWork
from app.queue.outbox_sql import outbox


@asynccontextmanager
async def emptied(database: Database) -> AsyncIterator[None]:
    """Without messages before and after, and with a table for effects."""
    await _execute(database, "DELETE FROM outbox", "CREATE TABLE effects (what TEXT NOT NULL)")
    yield
    await _execute(database, "DROP TABLE effects", "DELETE FROM outbox")


async def stored(work: UnitOfWork) -> list[Any]:
    """The messages in the order of their publication."""
    return list(await work.connection.execute(select(outbox).order_by(outbox.c.id)))


async def alter(work: UnitOfWork, **values: object) -> None:
    """Give all messages other values."""
    changes = ", ".join(f"{name} = :{name}" for name in values)
    await work.connection.execute(text(f"UPDATE outbox SET {changes}"), values)


async def record(work: UnitOfWork, what: str) -> None:
    """An effect that can be counted."""
    await work.connection.execute(text("INSERT INTO effects VALUES (:what)"), {"what": what})


async def recorded(work: UnitOfWork) -> list[str]:
    return list((await work.connection.execute(text("SELECT what FROM effects"))).scalars())


async def _execute(database: Database, *statements: str) -> None:
    for sql in statements:
        async with database.unit_of_work() as work:
            await work.connection.execute(text(sql))
