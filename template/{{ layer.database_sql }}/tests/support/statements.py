"""Watching what is sent to the database."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple

import pytest

from app.db import engine


class Sent(NamedTuple):
    """One statement that a unit of work has sent."""

    sql: str
    arguments: Sequence[Any]


# What runs in the background has a context of its own, and so is not noted.
_noted = ContextVar[list[Sent] | None]("noted", default=None)


@contextmanager
def sent_statements() -> Iterator[list[Sent]]:
    """The statements that units of work of the caller send meanwhile.

    One that runs for many rows is one.
    """
    sent = list[Sent]()
    fetch, change, run_many = engine.fetch, engine.change, engine.run_many

    def note(sql: str, arguments: Sequence[Any]) -> None:
        if _noted.get() is sent:
            sent.append(Sent(sql, arguments))

    async def note_fetch(
        driver: engine.Driver, sql: str, arguments: Sequence[Any]
    ) -> Sequence[Any]:
        note(sql, arguments)
        return await fetch(driver, sql, arguments)

    async def note_change(driver: engine.Driver, sql: str, arguments: Sequence[Any]) -> int:
        note(sql, arguments)
        return await change(driver, sql, arguments)

    async def note_many(driver: engine.Driver, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        note(sql, rows[0])
        await run_many(driver, sql, rows)

    token = _noted.set(sent)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(engine, "fetch", note_fetch)
            patch.setattr(engine, "change", note_change)
            patch.setattr(engine, "run_many", note_many)
            yield sent
    finally:
        _noted.reset(token)
