"""Transactions: what is kept, what is undone, and who waits for whom."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from time import monotonic
from uuid import uuid4

import pytest
from structlog.testing import capture_logs

from app.db import Database, UnitOfWork
from app.db.schema import make_collection
from app.db.settings import DatabaseSettings
from app.errors import AppError, ErrorCode

pytestmark = pytest.mark.anyio

NOTES = f"notes_{uuid4().hex[:8]}"
Act = Callable[[UnitOfWork], Awaitable[object]]


@pytest.fixture
async def database(database: Database) -> AsyncIterator[Database]:
    async with database.single_writes() as work:
        await make_collection(work.database, NOTES, {"properties": {"n": {"maximum": 1000}}})
    yield database
    async with database.single_writes() as work:
        await work.collection(NOTES).delete_many({})


def add(work: UnitOfWork, note: str) -> Awaitable[None]:
    return work.collection(NOTES).insert_one({"_id": note, "n": 0})


async def number(database: Database, note: str) -> int | None:
    async with database.unit_of_work(read_only=True) as work:
        found = await work.collection(NOTES).find_one({"_id": note})
    return None if found is None else int(found["n"])


async def count(work: UnitOfWork, note: str) -> bool:
    return await work.collection(NOTES).update_one({"_id": note}, {"$inc": {"n": 1}})


async def run(database: Database, act: Act) -> None:
    async with database.unit_of_work() as work:
        await act(work)


async def refused(database: Database, act: Act) -> ErrorCode:
    with pytest.raises(AppError) as caught:
        await run(database, act)
    return caught.value.code


async def test_what_is_written_is_kept_at_the_end(database: Database) -> None:
    async with database.unit_of_work() as work:
        await add(work, "kept")
        assert await number(database, "kept") is None
    assert await number(database, "kept") == 0


async def test_an_exception_undoes_what_was_written(database: Database) -> None:
    async def write(work: UnitOfWork) -> None:
        await add(work, "one")
        await work.database[NOTES].insert_one({"_id": "two", "n": 2}, session=work.session)
        assert await work.collection(NOTES).count({"_id": {"$in": ["one", "two"]}}) == 2
        raise LookupError

    with pytest.raises(LookupError):
        await run(database, write)
    assert [await number(database, note) for note in ("one", "two")] == [None, None]


async def test_single_writes_are_kept_each(database: Database) -> None:
    async def write() -> None:
        async with database.single_writes() as work:
            await add(work, "alone")
            raise LookupError

    with pytest.raises(LookupError):
        await write()
    assert await number(database, "alone") == 0


async def test_the_same_value_twice_is_a_conflict(database: Database) -> None:
    async def add_many(work: UnitOfWork) -> None:
        await work.collection(NOTES).insert_many([{"_id": "more", "n": 0}, {"_id": "once", "n": 0}])

    await run(database, lambda work: add(work, "once"))
    assert await refused(database, lambda work: add(work, "once")) is ErrorCode.CONFLICT
    assert await refused(database, add_many) is ErrorCode.CONFLICT
    assert await number(database, "more") is None


async def test_a_fault_of_the_service_is_not_passed_off_as_a_refusal(database: Database) -> None:
    acts: list[Act] = [
        lambda work: work.collection(NOTES).insert_one({"_id": "invalid", "n": 1001}),
        lambda work: work.collection(NOTES).find({"$nowhere": 1}),
    ]
    for act in acts:
        with pytest.raises(Exception, match=r"(?i)validation|nowhere") as caught:
            await run(database, act)
        assert not isinstance(caught.value, AppError)


async def test_a_failed_statement_cannot_be_ignored(database: Database) -> None:
    async def ignore(work: UnitOfWork) -> None:
        await add(work, "before")
        with pytest.raises(Exception, match="nowhere"):
            await work.collection(NOTES).find({"$nowhere": 1})

    with pytest.raises(RuntimeError, match="its error was ignored"):
        await run(database, ignore)
    assert await number(database, "before") is None


async def test_the_first_write_waits_for_others_and_meets_what_they_leave(
    database: Database,
) -> None:
    await run(database, lambda work: add(work, "busy"))
    held = asyncio.Event()

    async def hold(work: UnitOfWork) -> None:
        await count(work, "busy")
        held.set()
        await asyncio.sleep(0.3)

    async def change_what_was_read(work: UnitOfWork) -> bool:
        assert await work.collection(NOTES).find_one({"_id": "busy", "n": 0})
        return await work.collection(NOTES).update_one({"_id": "busy", "n": 0}, {"$set": {"n": 9}})

    holding = asyncio.create_task(run(database, hold))
    await held.wait()
    async with database.unit_of_work() as work:
        assert not await change_what_was_read(work)
        assert await count(work, "busy")
    await holding
    assert await number(database, "busy") == 2


async def test_of_many_that_count_none_is_lost(database: Database) -> None:
    await run(database, lambda work: add(work, "counter"))
    await asyncio.gather(*(run(database, lambda work: count(work, "counter")) for _ in range(20)))
    assert await number(database, "counter") == 20


async def test_a_later_write_is_a_conflict_and_undoes_the_earlier(database: Database) -> None:
    await run(database, lambda work: add(work, "busy"))
    held, go_on = asyncio.Event(), asyncio.Event()

    async def hold(work: UnitOfWork) -> None:
        await count(work, "busy")
        held.set()
        await go_on.wait()

    async def write_both(work: UnitOfWork) -> None:
        await add(work, "earlier")
        await count(work, "busy")

    holding = asyncio.create_task(run(database, hold))
    await held.wait()
    assert await refused(database, write_both) is ErrorCode.CONFLICT
    go_on.set()
    await holding
    assert (await number(database, "earlier"), await number(database, "busy")) == (None, 1)


async def test_waiting_for_another_transaction_is_limited(
    database: Database, database_settings: DatabaseSettings
) -> None:
    await run(database, lambda work: add(work, "busy"))
    changes = {"db_statement_timeout_seconds": 0.3}
    hurried = Database(database_settings.model_copy(update=changes))
    async with database.unit_of_work() as work:
        await count(work, "busy")
        start = monotonic()
        code = await refused(hurried, lambda work: count(work, "busy"))
        assert code is ErrorCode.DEADLINE_EXCEEDED
        with pytest.raises(AppError) as caught:
            async with hurried.single_writes() as single:
                await count(single, "busy")
        assert caught.value.code is ErrorCode.DEADLINE_EXCEEDED
        assert monotonic() - start < 1.5
    await hurried.aclose()


async def test_cancellation_undoes_and_frees(database: Database) -> None:
    async def act(work: UnitOfWork) -> None:
        await add(work, "given up")
        await asyncio.sleep(30)

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(run(database, act), 0.2)
    await run(database, lambda work: add(work, "given up"))
    assert database.pool_status().used == 0


async def test_waiting_for_a_connection_is_limited(database_settings: DatabaseSettings) -> None:
    narrow = {"db_pool_size": 1, "db_statement_timeout_seconds": 0.3}
    database = Database(database_settings.model_copy(update=narrow))
    await database.ping()
    async with database.unit_of_work(read_only=True) as work:
        (pool,) = [server.pool for server in work.database.client._topology._servers.values()]
        async with pool.checkout():
            with pytest.raises(AppError) as caught, capture_logs() as logs:
                await database.ping()
            assert database.pool_status().used == 1
    assert caught.value.code is ErrorCode.DEPENDENCY_UNAVAILABLE
    assert [log["event"] for log in logs] == ["database_pool_exhausted"]
    await database.aclose()


async def test_callbacks_run_after_the_commit_and_not_after_a_rollback(database: Database) -> None:
    seen = list[int | None]()

    async def look() -> None:
        seen.append(await number(database, "told"))

    async def fail() -> None:
        raise LookupError

    async with database.unit_of_work() as work:
        work.after_commit(fail)
        work.after_commit(look)
        await add(work, "told")
        assert seen == []
    assert seen == [0]

    async def turn_back(work: UnitOfWork) -> None:
        work.after_commit(look)
        raise LookupError

    with pytest.raises(LookupError):
        await run(database, turn_back)
    assert seen == [0]


async def test_the_pool_tells_its_state(database: Database) -> None:
    await database.ping()
    status = database.pool_status()
    assert status.used == 0
    assert 1 <= status.idle <= status.maximum


async def test_no_cancellation_is_swallowed(database: Database) -> None:
    """However far a command has come when it is cancelled."""

    async def read_on() -> None:
        while True:
            await number(database, "nothing")

    await number(database, "nothing")
    for step in range(200):
        task = asyncio.create_task(read_on())
        await asyncio.sleep(step / 50_000)
        for _ in range(step % 10):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task], timeout=1)
        assert task.cancelled()
    assert database.pool_status().used == 0
