"""Transactions: what is kept, what is undone, and what becomes of the connection."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from time import monotonic
from uuid import uuid4

import pytest
from sqlalchemy import Column, MetaData, Table, bindparam, delete, insert, select, text, update
from structlog.testing import capture_logs

from app.db import Database, UnitOfWork
from app.db.schema import Name
from app.db.settings import DatabaseSettings
from app.db.statement import Statement
from app.errors import AppError, ErrorCode
from tests.support.database import SLOW

pytestmark = pytest.mark.anyio

notes = Table(f"notes_{uuid4().hex[:8]}", MetaData(), Column("text", Name, primary_key=True))
ADD = Statement(insert(notes))
FIND = Statement(select(notes.c.text).where(notes.c.text == bindparam("text")))
Act = Callable[[UnitOfWork], Awaitable[object]]
SLOW_STATEMENT = Statement(text(SLOW))


@pytest.fixture
async def database(database: Database) -> AsyncIterator[Database]:
    async with database.unit_of_work() as work:
        await work.connection.run_sync(notes.create)
    yield database
    async with database.unit_of_work() as work:
        await work.connection.run_sync(notes.drop)


async def exists(database: Database, note: str) -> bool:
    async with database.unit_of_work(read_only=True) as work:
        return bool(await work.fetch(FIND, text=note))


async def run(database: Database, act: Act, *, read_only: bool = False) -> None:
    async with database.unit_of_work(read_only=read_only) as work:
        await act(work)


async def slow(work: UnitOfWork) -> None:
    await work.fetch(SLOW_STATEMENT)


async def slow_in_core(work: UnitOfWork) -> None:
    await work.connection.execute(text(SLOW))


async def test_what_is_written_is_kept_at_the_end(database: Database) -> None:
    async with database.unit_of_work() as work:
        await work.fetch(ADD, text="kept")
        assert not await exists(database, "kept")
    assert await exists(database, "kept")


async def test_an_exception_undoes_what_was_written_by_statements_and_by_core(
    database: Database,
) -> None:
    async def write(work: UnitOfWork) -> None:
        await work.connection.execute(insert(notes).values(text="core"))
        await work.fetch(ADD, text="statement")
        assert await work.fetch(FIND, text="core")
        assert await work.connection.scalar(select(notes.c.text).where(notes.c.text != "core"))
        raise LookupError

    with pytest.raises(LookupError):
        await run(database, write)
    assert not await exists(database, "core")
    assert not await exists(database, "statement")


async def test_rows_that_match_are_counted_even_if_they_stay_as_they_are(
    database: Database,
) -> None:
    same = Statement(update(notes).values(text=notes.c.text))
    async with database.unit_of_work() as work:
        assert await work.change(ADD, text="one") == 1
        await work.run_many(ADD, [{"text": "two"}, {"text": "three"}])
        assert await work.change(same) == 3
        assert await work.change(Statement(delete(notes))) == 3
        assert await work.change(same) == 0


async def test_many_rows_are_written_at_once_by_statements_and_by_core(database: Database) -> None:
    by_statement, by_core = ([{"text": f"{way}-{n}"} for n in range(150)] for way in ("a", "b"))
    async with database.unit_of_work() as work:
        await work.run_many(ADD, by_statement)
        await work.connection.execute(insert(notes), by_core)
        found = await work.connection.scalars(select(notes.c.text))
        assert {row["text"] for row in (*by_statement, *by_core)} <= set(found)


async def test_the_same_value_twice_is_a_conflict(database: Database) -> None:
    async with database.unit_of_work() as work:
        await work.fetch(ADD, text="once")
    acts: list[Act] = [
        lambda work: work.fetch(ADD, text="once"),
        lambda work: work.run_many(ADD, [{"text": "more"}, {"text": "once"}]),
        lambda work: work.connection.execute(insert(notes).values(text="once")),
    ]
    for act in acts:
        with pytest.raises(AppError) as caught:
            await run(database, act)
        assert caught.value.code is ErrorCode.CONFLICT
    assert not await exists(database, "more")


async def test_a_fault_of_the_service_is_not_passed_off_as_a_refusal(database: Database) -> None:
    for broken in ("SELECT closed FROM nowhere_closed", f"INSERT INTO {notes.name} VALUES (NULL)"):
        with pytest.raises(Exception, match=r"(?i)nowhere|null") as caught:
            async with database.unit_of_work() as work:
                await work.fetch(Statement(text(broken)))
        assert not isinstance(caught.value, AppError)


@pytest.mark.parametrize("act", [slow, slow_in_core])
@pytest.mark.parametrize("read_only", [False, True])
async def test_cancellation_stops_the_statement_and_frees_the_connection(
    database: Database, act: Act, read_only: bool
) -> None:
    start = monotonic()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(run(database, act, read_only=read_only), 0.1)
    async with database.unit_of_work() as work:
        await work.fetch(ADD, text="next")
    assert monotonic() - start < 1
    assert database.pool_status().used == 0


@pytest.mark.parametrize("act", [slow, slow_in_core])
async def test_a_statement_that_takes_too_long_ends(
    database_settings: DatabaseSettings, act: Act
) -> None:
    hurried = database_settings.model_copy(update={"db_statement_timeout_seconds": 0.1})
    database = Database(hurried)
    start = monotonic()
    with pytest.raises(AppError) as caught:
        await run(database, act)
    assert caught.value.code is ErrorCode.DEADLINE_EXCEEDED
    assert monotonic() - start < 1
    await database.ping()
    await database.aclose()


async def test_waiting_for_a_connection_is_limited(database_settings: DatabaseSettings) -> None:
    narrow = database_settings.model_copy(
        update={"db_pool_size": 1, "db_pool_timeout_seconds": 0.1}
    )
    database = Database(narrow)
    async with database.unit_of_work():
        with pytest.raises(AppError) as caught, capture_logs() as logs:
            async with database.unit_of_work():
                pass
    assert caught.value.code is ErrorCode.DEPENDENCY_UNAVAILABLE
    assert [log["event"] for log in logs] == ["database_pool_exhausted"]
    await database.aclose()


async def test_callbacks_run_after_the_commit_and_not_after_a_rollback(database: Database) -> None:
    seen = list[bool]()

    async def look() -> None:
        seen.append(await exists(database, "told"))

    async def fail() -> None:
        raise LookupError

    async with database.unit_of_work() as work:
        work.after_commit(fail)
        work.after_commit(look)
        await work.fetch(ADD, text="told")
        assert seen == []
    assert seen == [True]

    async def turn_back(work: UnitOfWork) -> None:
        work.after_commit(look)
        raise LookupError

    with pytest.raises(LookupError):
        await run(database, turn_back)
    assert seen == [True]


async def test_the_pool_tells_its_state(database: Database) -> None:
    async with database.unit_of_work(read_only=True):
        assert database.pool_status().used == 1
    status = database.pool_status()
    assert status.used == 0
    assert 1 <= status.idle <= status.maximum
