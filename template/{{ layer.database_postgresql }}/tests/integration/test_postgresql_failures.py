"""A server that freezes, crashes, or ends connections, and what is left on it."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import text

from app.db import Database, UnitOfWork, engine
from app.db.settings import DatabaseSettings
from app.db.statement import Statement
from app.errors import AppError, ErrorCode
from dev.processes import Place
from dev.providers import postgresql

pytestmark = pytest.mark.anyio

# A quarter of the defaults, which stay under the five seconds that clients are promised.
WAITS = {
    "db_pool_timeout_seconds": 0.25,
    "db_connect_timeout_seconds": 0.25,
    "db_statement_timeout_seconds": 0.5,
}
AWAY = (ErrorCode.DEPENDENCY_UNAVAILABLE, ErrorCode.DEADLINE_EXCEEDED)
PID = Statement(text("SELECT pg_backend_pid()"))
ALL_PIDS = Statement(text("SELECT pid FROM pg_stat_activity"))
ASLEEP = Statement(
    text(
        "SELECT pid FROM pg_stat_activity WHERE state = 'active'"
        " AND query LIKE '%pg_sleep(30)%' AND pid <> pg_backend_pid()"
    )
)
ONE = Statement(text("SELECT 1"))


class Server:
    """A server of this module's own, for the tests to maltreat."""

    def __init__(self, folder: Path, url: str) -> None:
        self._pid_file = folder / "postgresql" / "data" / "postmaster.pid"
        self.url = url

    @contextmanager
    def frozen(self, pids: list[int]) -> Iterator[None]:
        """Stop the server and the given processes of it; nothing is closed, nothing answers."""
        processes = [int(self._pid_file.read_text().split()[0]), *pids]
        for pid in processes:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in processes:
                os.kill(pid, signal.SIGCONT)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    with postgresql.start(Place(folder, durable=False)) as values:
        yield Server(folder, values["DATABASE_URL"])


@pytest.fixture
async def database(server: Server) -> AsyncIterator[Database]:
    database = Database(DatabaseSettings.model_validate({"database_url": server.url, **WAITS}))
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
    async with asyncio.timeout(2):
        try:
            await use
        except AppError as error:
            return error.code
    return None


async def test_a_frozen_server_is_noticed_in_time_and_missed_no_longer_than_it_is_away(
    server: Server, database: Database
) -> None:
    # As many open connections as there are uses, so that none waits for a new one.
    await asyncio.gather(*(use(database) for use in USES))
    async with database.unit_of_work(read_only=True) as work:
        pids = [row[0] for row in await work.fetch(ALL_PIDS)]
    with server.frozen(pids):
        codes = await asyncio.gather(*(refusal(use(database)) for use in (*USES, *USES)))
        assert set(codes) <= set(AWAY)
        start = time.monotonic()
        assert await refusal(read(database)) in AWAY
        assert time.monotonic() - start < 1
    async with asyncio.timeout(1):
        await asyncio.gather(*(use(database) for use in USES))
    assert database.pool_status().used == 0


async def test_a_crash_of_the_server_is_survived(server: Server, database: Database) -> None:
    async with database.unit_of_work(read_only=True) as work:
        [[pid]] = await work.fetch(PID)
    os.kill(pid, signal.SIGKILL)
    start = time.monotonic()
    while codes := set(await asyncio.gather(*(refusal(use(database)) for use in USES))) - {None}:
        assert codes <= {ErrorCode.DEPENDENCY_UNAVAILABLE}
        assert time.monotonic() - start < 5
        await asyncio.sleep(0.02)


async def test_connections_that_the_server_has_ended_are_replaced_unseen(
    server: Server, database: Database
) -> None:
    administrator = await asyncpg.connect(server.url)
    for use in USES:
        async with database.unit_of_work(read_only=True) as work:
            [[pid]] = await work.fetch(PID)
        assert await administrator.fetchval("SELECT pg_terminate_backend($1, 1000)", pid)
        await asyncio.sleep(0.01)
        await use(database)
    await administrator.close()


@pytest.mark.parametrize("read_only", [False, True])
@pytest.mark.parametrize("by_core", [False, True])
async def test_a_connection_that_the_server_ends_in_between_is_no_fault_of_the_service(
    server: Server, database: Database, read_only: bool, by_core: bool
) -> None:
    administrator = await asyncpg.connect(server.url)

    async def use() -> None:
        async with database.unit_of_work(read_only=read_only) as work:
            [[pid]] = await work.fetch(PID)
            await administrator.fetchval("SELECT pg_terminate_backend($1, 1000)", pid)
            if by_core:
                await work.connection.execute(text("SELECT 1"))
            await work.fetch(ONE)

    assert await refusal(use()) is ErrorCode.DEPENDENCY_UNAVAILABLE
    await administrator.close()
    await write(database)


async def test_a_connection_is_tried_after_a_pause(
    server: Server, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "PING_AFTER_IDLE_SECONDS", 0)
    await read(database)
    async with database.unit_of_work(read_only=True) as work:
        pids = [row[0] for row in await work.fetch(ALL_PIDS)]
    with server.frozen(pids):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(read(database), 0.1)
        assert database.pool_status().used == 0
        start = time.monotonic()
        assert await refusal(read(database)) is ErrorCode.DEPENDENCY_UNAVAILABLE
        assert time.monotonic() - start < 1
    await read(database)


async def test_nothing_listens_at_the_address() -> None:
    url = "postgresql://app:secret@127.0.0.1:9/app"
    database = Database(DatabaseSettings.model_validate({"database_url": url}))
    start = time.monotonic()
    assert await refusal(read(database)) is ErrorCode.DEPENDENCY_UNAVAILABLE
    assert time.monotonic() - start < 1
    await database.aclose()


async def sleep(work: UnitOfWork) -> None:
    await work.fetch(Statement(text("SELECT pg_sleep(30)")))


async def sleep_by_core(work: UnitOfWork) -> None:
    await work.connection.execute(text("SELECT pg_sleep(30)"))


@pytest.mark.parametrize("act", [sleep, sleep_by_core])
@pytest.mark.parametrize("read_only", [False, True])
async def test_a_cancelled_statement_ends_on_the_server_and_its_connection_serves_on(
    database: Database, act: Callable[[UnitOfWork], Awaitable[None]], read_only: bool
) -> None:
    pids = list[int]()

    async def use() -> None:
        async with database.unit_of_work(read_only=read_only) as work:
            pids.extend(row[0] for row in await work.fetch(PID))
            await act(work)

    async with database.unit_of_work(read_only=True) as onlooker:
        task = asyncio.create_task(use())
        while not await onlooker.fetch(ASLEEP):
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not await onlooker.fetch(ASLEEP)
        async with database.unit_of_work(read_only=True) as work:
            pids.extend(row[0] for row in await work.fetch(PID))
    assert pids[0] == pids[1]


async def test_a_deadlock_is_a_conflict_for_one_and_nothing_to_the_other(
    database: Database,
) -> None:
    async with database.unit_of_work() as work:
        await work.connection.execute(text("CREATE TABLE pair (id int PRIMARY KEY)"))
        await work.connection.execute(text("INSERT INTO pair VALUES (1), (2)"))
    both_have_one = asyncio.Barrier(2)

    async def lock(first: int, second: int) -> None:
        async with database.unit_of_work() as work:
            await work.connection.execute(text("SET LOCAL deadlock_timeout = '50ms'"))
            await work.connection.execute(text(f"SELECT * FROM pair WHERE id = {first} FOR UPDATE"))
            await both_have_one.wait()
            await work.connection.execute(
                text(f"SELECT * FROM pair WHERE id = {second} FOR UPDATE")
            )

    codes = await asyncio.gather(refusal(lock(1, 2)), refusal(lock(2, 1)))
    assert sorted(codes, key=str) == [ErrorCode.CONFLICT, None]
    async with database.unit_of_work() as work:
        await work.connection.execute(text("DROP TABLE pair"))


async def test_a_failed_statement_cannot_be_ignored(database: Database) -> None:
    async def ignore() -> None:
        async with database.unit_of_work() as work:
            with pytest.raises(Exception, match="nowhere"):
                await work.fetch(Statement(text("SELECT * FROM nowhere")))

    with pytest.raises(RuntimeError, match="its error was ignored"):
        await ignore()
    await write(database)
