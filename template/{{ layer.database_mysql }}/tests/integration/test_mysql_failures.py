"""A server that freezes, is lost, or ends connections, and what is left on it."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from urllib.parse import urlsplit

import pytest
from sqlalchemy import bindparam, func, literal_column, select, text
from sqlalchemy.exc import IntegrityError

from app.db import Database, UnitOfWork, engine
from app.db.settings import DatabaseSettings
from app.db.statement import Statement
from app.errors import AppError, ErrorCode
from tests.support.database import SLOW
from tests.support.link import Link, linked

pytestmark = pytest.mark.anyio

# Shorter than the defaults, which stay under the five seconds that clients are promised.
WAITS = {
    "db_pool_timeout_seconds": 0.25,
    "db_connect_timeout_seconds": 0.5,
    "db_statement_timeout_seconds": 0.5,
}
AWAY = (ErrorCode.DEPENDENCY_UNAVAILABLE, ErrorCode.DEADLINE_EXCEEDED)
ONE = Statement(text("SELECT 1"))
ME = Statement(text("SELECT connection_id()"))
ASLEEP = Statement(
    text(
        "SELECT id FROM information_schema.processlist"
        " WHERE id = :id AND id <> connection_id() AND info LIKE '%sleep(30)%'"
    ).bindparams(bindparam("id"))
)
LOCK = Statement(select(engine.try_lock(literal_column("7"))))
Act = Callable[[UnitOfWork], Awaitable[object]]


@pytest.fixture
def link(environment: dict[str, str]) -> Iterator[Link]:
    address = urlsplit(environment["DATABASE_URL"])
    assert address.hostname
    with linked(address.hostname, address.port or 3306) as made:
        made.mend()
        yield made


@pytest.fixture
async def far(environment: dict[str, str], link: Link) -> AsyncIterator[Database]:
    """The database at the end of the link."""
    address = urlsplit(environment["DATABASE_URL"])
    user = address.netloc.rpartition("@")[0]
    url = address._replace(netloc=f"{user}@127.0.0.1:{link.port}").geturl()
    database = Database(DatabaseSettings.model_validate({"database_url": url, **WAITS}))
    await database.ping()
    yield database
    await database.aclose()


async def read(database: Database) -> None:
    async with database.unit_of_work(read_only=True) as work:
        await work.fetch(ONE)


async def write(database: Database) -> None:
    async with database.unit_of_work() as work:
        await work.fetch(ONE)


async def read_by_core(database: Database) -> None:
    async with database.unit_of_work(read_only=True) as work:
        await work.connection.execute(text("SELECT 1"))


async def write_by_core(database: Database) -> None:
    async with database.unit_of_work() as work:
        await work.connection.execute(text("SELECT 1"))


USES = (read, write, read_by_core, write_by_core)


async def refusal(use: Awaitable[None]) -> ErrorCode | None:
    """How the service refuses, in time."""
    async with asyncio.timeout(2.5):
        try:
            await use
        except AppError as error:
            return error.code
    return None


async def test_a_frozen_server_is_noticed_in_time_and_missed_no_longer_than_it_is_away(
    far: Database, link: Link
) -> None:
    # As many open connections as there are uses, so that none waits for a new one.
    await asyncio.gather(*(use(far) for use in USES))
    link.freeze()
    codes = await asyncio.gather(*(refusal(use(far)) for use in (*USES, *USES)))
    assert set(codes) <= set(AWAY)
    start = time.monotonic()
    assert await refusal(read(far)) in AWAY
    assert time.monotonic() - start < 1
    link.mend()
    async with asyncio.timeout(1):
        await asyncio.gather(*(use(far) for use in USES))
    assert far.pool_status().used == 0


async def test_connections_that_are_cut_are_replaced_unseen(far: Database, link: Link) -> None:
    await asyncio.gather(*(use(far) for use in USES))
    link.cut()
    link.mend()
    await asyncio.sleep(0.01)
    await asyncio.gather(*(use(far) for use in USES))


async def test_a_connection_is_tried_after_a_pause(
    far: Database, link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "PING_AFTER_IDLE_SECONDS", 0)
    await read(far)
    link.freeze()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(read(far), 0.1)
    assert far.pool_status().used == 0
    start = time.monotonic()
    assert await refusal(read(far)) is ErrorCode.DEPENDENCY_UNAVAILABLE
    assert time.monotonic() - start < 2
    link.mend()
    await read(far)


async def test_nothing_listens_at_the_address() -> None:
    url = "mysql://app:secret@127.0.0.1:9/app"
    database = Database(DatabaseSettings.model_validate({"database_url": url}))
    start = time.monotonic()
    assert await refusal(read(database)) is ErrorCode.DEPENDENCY_UNAVAILABLE
    assert time.monotonic() - start < 1
    await database.aclose()


@pytest.mark.parametrize("read_only", [False, True])
@pytest.mark.parametrize("by_core", [False, True])
async def test_a_connection_that_is_killed_in_between_is_no_fault_of_the_service(
    database: Database, read_only: bool, by_core: bool
) -> None:
    async def use() -> None:
        async with database.unit_of_work(read_only=read_only) as work:
            [[me]] = await work.fetch(ME)
            async with database.unit_of_work(read_only=True) as other:
                await other.driver.run(f"KILL {me:d}")
            if by_core:
                await work.connection.execute(text("SELECT 1"))
            await work.fetch(ONE)

    assert await refusal(use()) is ErrorCode.DEPENDENCY_UNAVAILABLE
    await write(database)


async def slow(work: UnitOfWork) -> None:
    await work.fetch(Statement(text(SLOW)))


async def slow_by_core(work: UnitOfWork) -> None:
    await work.connection.execute(text(SLOW))


async def asleep_no_more(onlooker: UnitOfWork, pid: int) -> None:
    """The server needs a moment to end what is killed."""
    async with asyncio.timeout(1):
        while await onlooker.fetch(ASLEEP, id=pid):
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("act", [slow, slow_by_core])
@pytest.mark.parametrize("read_only", [False, True])
async def test_a_cancelled_statement_ends_on_the_server(
    database: Database, act: Act, read_only: bool
) -> None:
    pids = list[int]()

    async def use() -> None:
        async with database.unit_of_work(read_only=read_only) as work:
            pids.extend(row[0] for row in await work.fetch(ME))
            await act(work)

    async with database.unit_of_work(read_only=True) as onlooker:
        task = asyncio.create_task(use())
        while not pids or not await onlooker.fetch(ASLEEP, id=pids[0]):
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asleep_no_more(onlooker, pids[0])
    assert database.pool_status().used == 0


async def test_a_write_that_takes_too_long_ends_on_the_server(
    database_settings: DatabaseSettings,
) -> None:
    database = Database(database_settings.model_copy(update={"db_statement_timeout_seconds": 0.2}))
    pids = list[int]()

    async def use() -> None:
        async with database.unit_of_work() as work:
            pids.extend(row[0] for row in await work.fetch(ME))
            await work.fetch(Statement(text(f"CREATE TEMPORARY TABLE copy AS {SLOW}")))

    assert await refusal(use()) is ErrorCode.DEADLINE_EXCEEDED
    async with database.unit_of_work(read_only=True) as onlooker:
        await asleep_no_more(onlooker, pids[0])
    await database.aclose()


@pytest.fixture
async def pair(database: Database) -> AsyncIterator[None]:
    """Two rows for which transactions may compete."""
    async with database.unit_of_work() as work:
        await work.connection.execute(text("CREATE TABLE pair (id int PRIMARY KEY, n int)"))
        await work.connection.execute(text("INSERT INTO pair VALUES (0, 0), (1, 0), (2, 0)"))
    yield
    async with database.unit_of_work() as work:
        await work.connection.execute(text("DROP TABLE pair"))


@pytest.mark.usefixtures("pair")
async def test_a_deadlock_is_a_conflict_for_one_and_nothing_to_the_other(
    database: Database,
) -> None:
    both_have_one = asyncio.Barrier(2)

    async def lock(first: int, second: int) -> None:
        async with database.unit_of_work() as work:
            await work.connection.execute(text(f"SELECT * FROM pair WHERE id = {first} FOR UPDATE"))
            await both_have_one.wait()
            await work.connection.execute(
                text(f"SELECT * FROM pair WHERE id = {second} FOR UPDATE")
            )

    codes = await asyncio.gather(refusal(lock(1, 2)), refusal(lock(2, 1)))
    assert sorted(codes, key=str) == [ErrorCode.CONFLICT, None]


@pytest.mark.usefixtures("pair")
async def test_waiting_for_a_row_is_limited(database_settings: DatabaseSettings) -> None:
    database = Database(database_settings.model_copy(update={"db_statement_timeout_seconds": 0.3}))
    change = text("UPDATE pair SET n = n + 1 WHERE id = 1")

    async def wait() -> None:
        async with database.unit_of_work() as work:
            await work.connection.execute(change)

    async with database.unit_of_work() as work:
        await work.connection.execute(change)
        assert await refusal(wait()) is ErrorCode.DEADLINE_EXCEEDED
    assert await refusal(wait()) is None
    await database.aclose()


@pytest.mark.usefixtures("pair")
async def test_a_failed_statement_cannot_be_ignored(database: Database) -> None:
    async def ignore(*, go_on: bool) -> None:
        async with database.unit_of_work() as work:
            await work.connection.execute(text("UPDATE pair SET n = 9"))
            with pytest.raises(Exception, match="nowhere"):
                await work.fetch(Statement(text("SELECT * FROM nowhere")))
            if go_on:
                await work.connection.execute(text("UPDATE pair SET n = 10"))

    for go_on in (False, True):
        with pytest.raises(RuntimeError, match="its error was ignored"):
            await ignore(go_on=go_on)
    async with database.unit_of_work(read_only=True) as work:
        assert await work.connection.scalar(text("SELECT max(n) FROM pair")) == 0


@pytest.mark.usefixtures("pair")
async def test_what_a_savepoint_undoes_is_no_failure_of_the_rest(database: Database) -> None:
    async with database.unit_of_work() as work:
        await work.connection.execute(text("UPDATE pair SET n = 9 WHERE id = 1"))
        with suppress(IntegrityError):
            async with work.connection.begin_nested():
                await work.connection.execute(text("UPDATE pair SET n = 9 WHERE id = 2"))
                await work.connection.execute(text("INSERT INTO pair VALUES (1, 1)"))
    async with database.unit_of_work(read_only=True) as work:
        found = await work.connection.execute(text("SELECT n FROM pair ORDER BY id"))
        assert list(found.scalars()) == [0, 9, 0]


async def test_locks_end_with_the_unit_of_work_however_it_ends(database: Database) -> None:
    async def take(act: Act) -> None:
        async with database.unit_of_work() as work:
            [[taken]] = await work.fetch(LOCK)
            assert taken
            async with database.unit_of_work() as other:
                [[taken]] = await other.fetch(LOCK)
                assert not taken
            await act(work)

    async def fail(work: UnitOfWork) -> None:
        await work.fetch(Statement(text("SELECT * FROM nowhere")))

    await take(lambda work: work.fetch(ONE))
    with pytest.raises(Exception, match="nowhere"):
        await take(fail)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(take(slow), 0.2)
    await asyncio.sleep(0.1)
    await take(lambda work: work.fetch(ONE))


async def test_sessions_are_as_the_service_relies_on_whatever_the_server_says(
    database: Database,
) -> None:
    async with database.unit_of_work(read_only=True) as work:
        found = await work.connection.execute(
            text("SELECT @@sql_mode, @@time_zone, @@character_set_client, @@autocommit")
        )
        mode, zone, charset, autocommit = found.one()
        assert {"STRICT_TRANS_TABLES", "ONLY_FULL_GROUP_BY"} <= set(mode.split(","))
        assert (zone, charset, autocommit) == ("+00:00", "utf8mb4", 1)
    async with database.unit_of_work() as work:
        before = await work.connection.scalar(select(func.count()).select_from(text("orders")))
        assert await work.connection.get_isolation_level() == "READ COMMITTED"
    assert before is not None


async def test_a_client_that_falls_silent_keeps_nothing_for_long(database: Database) -> None:
    async with database.unit_of_work() as work:
        waits = await work.connection.scalar(text("SELECT @@wait_timeout"))
    assert waits == 60
