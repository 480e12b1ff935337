"""A connection that keeps its limits: of time, and of what may follow an error."""

import asyncio
import re
from collections.abc import Sequence
from typing import Any

from asyncmy import errors
from asyncmy.connection import Connection
from asyncmy.constants import CLIENT, CR
from asyncmy.cursors import Cursor

from app.db.settings import DatabaseSettings

# The client gives up a little later than the server, whose own error says more.
CLIENT_MARGIN_SECONDS = 0.3
SETTLE_SECONDS = 0.5
STATEMENTS = 64
MOST_ROWS = 64
INSERT = re.compile(r"(.* VALUES )(\((?:%s, )*%s\))", re.DOTALL)
NO_SUCH_THREAD = 1094

# Each statement sees what is committed, as on other engines: stores look again after they have a
# lock. It also spares the locks of gaps between rows, over which inserts would deadlock.
_SESSION = (
    "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED;"
    " SET SESSION sql_mode = 'TRADITIONAL,ONLY_FULL_GROUP_BY,NO_AUTO_VALUE_ON_ZERO',"
    " max_error_count = 0, sql_notes = 0, time_zone = '+00:00'"
)


class LimitedCursor(Cursor):
    """Refuses what follows an error in a transaction, and gives up what takes too long."""

    async def execute(self, query: str, args: Any = None) -> Any:
        driver: LimitedConnection = self.connection
        undoes = query.startswith("ROLLBACK TO SAVEPOINT")
        if not undoes:
            driver.refuse_failed()
        in_transaction = driver.get_transaction_status()
        try:
            async with asyncio.timeout(driver.limit):
                changed = await super().execute(query, args)
        except errors.Error:
            driver.failed = driver.failed or in_transaction
            raise
        if undoes:
            driver.failed = False
        return changed

    async def executemany(self, query: str, args: Sequence[Sequence[Any]]) -> int:
        """Run a statement for each row of arguments; inserts of values share round trips.

        The driver's own way fails on MariaDB over TLS, and on MySQL writes values into the text.
        """
        insert = INSERT.fullmatch(query)
        changed = done = 0
        while done < len(args):
            # Powers of two, so that few statements serve any number of rows.
            count = 1 << (min(len(args) - done, MOST_ROWS).bit_length() - 1) if insert else 1
            many = insert[1] + ", ".join([insert[2]] * count) if insert else query
            rows = args[done : done + count]
            changed += await self.execute(many, [value for row in rows for value in row])
            done += count
        self.rowcount = changed
        return changed


class LimitedConnection(Connection):
    """One connection of the pool."""

    def __init__(self, settings: DatabaseSettings, limit: float | None) -> None:
        super().__init__(  # type: ignore[no-untyped-call]
            **settings.connect_options(),
            autocommit=True,
            charset="utf8mb4",
            # Rows that match count as changed, whether or not a value differs.
            client_flag=CLIENT.FOUND_ROWS,
            cursor_cls=LimitedCursor,
            # Migrations run each statement once.
            stmt_cache_size=0 if limit is None else STATEMENTS,
        )
        self.settings = settings
        self.limit = None if limit is None else limit + CLIENT_MARGIN_SECONDS
        # A deadlock ends the transaction, and what comes next would commit by itself.
        self.failed = False

    @property
    def lost(self) -> bool:
        """Whether the connection is known to have ended."""
        # The stubs of the driver leave it out.
        broken: bool = self._stream_broken  # type: ignore[attr-defined]
        return broken or not self.connected

    async def open(self) -> None:
        """Connect, unless the task is cancelled meanwhile.

        The driver awaits by `asyncio.wait_for`, which in Python 3.11 may swallow a cancellation.
        """
        task = asyncio.current_task()
        assert task is not None
        before = task.cancelling()
        await self.connect()
        if task.cancelling() > before:
            raise asyncio.CancelledError

    def refuse_failed(self) -> None:
        """Raise RuntimeError where a statement of the transaction has failed."""
        if self.failed:
            raise RuntimeError("a statement of the unit of work failed, and its error was ignored")

    async def run(self, commands: str) -> None:
        """Run commands, which are sent together, and see that each has succeeded."""
        cursor = self.cursor()
        await cursor.execute(commands)
        async with asyncio.timeout(self.limit):
            while await cursor.nextset():
                pass

    def close(self) -> None:
        """Close at once, where TLS would wait half a minute for the server to agree."""
        transport = self._transport  # type: ignore[attr-defined]
        super().close()
        if transport is not None:
            transport.abort()

    async def ensure_closed(self) -> None:
        """Take leave of the server, which may not hear of it."""
        try:
            async with asyncio.timeout(SETTLE_SECONDS):
                await super().ensure_closed()
        except TimeoutError:
            self.close()

    async def rollback(self) -> None:
        """Roll back, unless the connection has ended: SQLAlchemy does so after a cancellation."""
        if not self.lost:
            await super().rollback()
            self.failed = False

    async def try_out(self) -> None:
        """Raise unless the server answers within the time that a new connection may take."""
        async with asyncio.timeout(self.settings.db_connect_timeout_seconds):
            await self.ping(reconnect=False)

    async def settle(self, *, interrupted: bool) -> None:
        """Roll back and let go of locks, or close the connection."""
        try:
            async with asyncio.timeout(SETTLE_SECONDS):
                self.failed = False
                if not self.lost:
                    await self.run("ROLLBACK; DO RELEASE_ALL_LOCKS()")
                elif interrupted:
                    await self._end_on_server()
        except (errors.Error, OSError):
            self.close()

    async def _end_on_server(self) -> None:
        """End what the server still does for a connection that is closed here."""
        other = await connect(self.settings, SETTLE_SECONDS)
        try:
            await other.run(f"KILL {self.thread_id():d}")
        except errors.Error as error:
            if error.args[0] != NO_SUCH_THREAD:
                raise
        finally:
            other.close()


async def connect(settings: DatabaseSettings, limit: float | None) -> LimitedConnection:
    """A new connection, whose statements may take so many seconds."""
    driver = LimitedConnection(settings, limit)
    try:
        async with asyncio.timeout(settings.db_connect_timeout_seconds):
            await driver.open()
            await driver.run(f"{_SESSION}, {_limits(driver, limit)}")
    except TimeoutError as error:
        message = f"no answer in {settings.db_connect_timeout_seconds:g} s"
        raise errors.OperationalError(CR.CR_CONN_HOST_ERROR, message) from error
    except BaseException:
        driver.close()
        raise
    return driver


def _limits(driver: LimitedConnection, limit: float | None) -> str:
    """How long the server lets a statement run, and wait for a row or the definition of a table."""
    if limit is None:
        return "lock_wait_timeout = 5"
    # A client whose machine is gone says nothing more: its locks would stay for eight hours. One
    # that is merely idle gets another connection.
    waits = f"innodb_lock_wait_timeout = {max(1, round(limit)):d}, wait_timeout = 60"
    if "MariaDB" in driver.get_server_info():
        return f"{waits}, max_statement_time = {limit:g}"
    # Of SELECT only; the client ends the others.
    return f"{waits}, max_execution_time = {limit * 1000:.0f}"
