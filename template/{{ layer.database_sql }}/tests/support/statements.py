"""Watching what is sent to the database."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import pytest

from app.db import engine


class Sent(NamedTuple):
    """One statement that a unit of work has sent."""

    sql: str
    arguments: Sequence[Any]


@contextmanager
def sent_statements() -> Iterator[list[Sent]]:
    """The statements that units of work send meanwhile; one that runs for many rows is one."""
    sent = list[Sent]()
    fetch, change, run_many = engine.fetch, engine.change, engine.run_many

    async def note_fetch(
        driver: engine.Driver, sql: str, arguments: Sequence[Any]
    ) -> Sequence[Any]:
        sent.append(Sent(sql, arguments))
        return await fetch(driver, sql, arguments)

    async def note_change(driver: engine.Driver, sql: str, arguments: Sequence[Any]) -> int:
        sent.append(Sent(sql, arguments))
        return await change(driver, sql, arguments)

    async def note_many(driver: engine.Driver, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        sent.append(Sent(sql, rows[0]))
        await run_many(driver, sql, rows)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "fetch", note_fetch)
        patch.setattr(engine, "change", note_change)
        patch.setattr(engine, "run_many", note_many)
        yield sent
