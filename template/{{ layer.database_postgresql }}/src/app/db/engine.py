"""How the service talks to PostgreSQL; no other module but the settings knows the engine."""

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, NamedTuple, TypeAlias

import asyncpg
from sqlalchemy import (
    Boolean,
    ColumnElement,
    Connection,
    DateTime,
    Dialect,
    Index,
    event,
    func,
    select,
    text,
    types,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql.asyncpg import dialect
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry, NullPool
from sqlalchemy.types import TypeDecorator

from app.db.settings import DatabaseSettings
from app.errors import AppError, ErrorCode

SYSTEM = "postgresql"
DIALECT: Dialect = dialect()  # type: ignore[no-untyped-call]
# What the driver calls NUMERIC; SQLAlchemy asks before it converts one.
NUMERIC_CODE = 1700
DRIVER_ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
Driver: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

Bytes = Digest = types.LargeBinary
Json = JSONB
Money = types.Numeric
Name = Text = types.Text
Uuid = types.Uuid


class UtcDateTime(TypeDecorator[datetime]):
    """A moment; asyncpg would take one without a zone for local time."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        if value is not None and value.tzinfo is None:
            raise ValueError("a time without a zone")
        return value


# The client gives up a little later than the server, whose own error says more.
CLIENT_MARGIN_SECONDS = 0.3
PING_AFTER_IDLE_SECONDS = 5.0
RECYCLE_SECONDS = 1800
SETTLE_SECONDS = 0.5
_GUARD_SECONDS = 0.05
# Behind a pooler of transactions the next one may meet another server, where what was prepared is
# not known. SQLAlchemy prepares every statement, but one with an empty name is gone at once.
WITHOUT_STATEMENTS = {
    "statement_cache_size": 0,
    "prepared_statement_cache_size": 0,
    "prepared_statement_name_func": str,
}
MIGRATION_LOCK = int.from_bytes(b"migrate")


class Engines(NamedTuple):
    """The pools for reading and for writing, here one and the same, and how to begin writing."""

    read: AsyncEngine
    write: AsyncEngine
    begin: str


def create_engines(settings: DatabaseSettings) -> Engines:
    """The pool; to SQLAlchemy in autocommit, since the unit of work begins and commits."""
    timeout = f"{settings.db_statement_timeout_seconds * 1000:.0f}"
    connect_args: dict[str, Any] = {
        "dsn": settings.database_url.get_secret_value(),
        "timeout": settings.db_connect_timeout_seconds,
        "command_timeout": settings.db_statement_timeout_seconds + CLIENT_MARGIN_SECONDS,
    }
    begin = "BEGIN"
    if settings.db_transaction_pooling:
        connect_args |= WITHOUT_STATEMENTS
        begin += f"; SET LOCAL statement_timeout = {timeout}"
    else:
        connect_args["server_settings"] = {
            "idle_in_transaction_session_timeout": "60s",
            "jit": "off",
            "statement_timeout": timeout,
        }
    engine = create_async_engine(
        "postgresql+asyncpg://",
        connect_args=connect_args,
        isolation_level="AUTOCOMMIT",
        max_overflow=0,
        pool_recycle=RECYCLE_SECONDS,
        pool_reset_on_return=None,
        pool_size=settings.db_pool_size,
        pool_timeout=settings.db_pool_timeout_seconds,
        pool_use_lifo=True,
    )

    async def ping(driver: Driver) -> None:
        await driver.execute("SELECT 1", timeout=settings.db_connect_timeout_seconds)

    @event.listens_for(engine.sync_engine, "checkin")
    def note_time(_connection: object, entry: ConnectionPoolEntry) -> None:
        entry.info["used_at"] = time.monotonic()

    @event.listens_for(engine.sync_engine, "checkout")
    def refuse_lost(connection: Any, entry: ConnectionPoolEntry, _proxy: object) -> None:
        # A server that goes away says so, which costs nothing to notice. What a silent network
        # has swallowed takes a ping to find out, and only after a pause.
        driver: Driver = connection.driver_connection
        if driver.is_closed():
            raise DisconnectionError
        now = time.monotonic()
        if now - entry.info.get("used_at", now) > PING_AFTER_IDLE_SECONDS:
            try:
                connection.run_async(ping)
            except (*DRIVER_ERRORS, OSError) as error:
                driver.terminate()
                raise DisconnectionError from error

    return Engines(engine, engine, begin)


@asynccontextmanager
async def migrating(settings: DatabaseSettings) -> AsyncGenerator[AsyncConnection]:
    """A connection for migrations: one process at a time, and no limit to the time they take.

    Waiting for the lock of a table is limited, because all requests would queue up behind it.
    """
    connect_args: dict[str, Any] = {
        "dsn": settings.database_url.get_secret_value(),
        "timeout": settings.db_connect_timeout_seconds,
    }
    if settings.db_transaction_pooling:
        connect_args |= WITHOUT_STATEMENTS
    else:
        connect_args["server_settings"] = {"lock_timeout": "5s"}
    engine = create_async_engine(
        "postgresql+asyncpg://", connect_args=connect_args, poolclass=NullPool
    )
    try:
        async with engine.connect() as guard, engine.connect() as connection:
            # Held until its transaction ends, whatever the migrations commit meanwhile. To wait
            # inside of the statement would hold a snapshot, as would its result until the next
            # statement, which an index that is being created concurrently would wait for.
            while not await guard.scalar(select(func.pg_try_advisory_xact_lock(MIGRATION_LOCK))):
                await guard.rollback()
                await asyncio.sleep(_GUARD_SECONDS)
            await guard.execute(text("SET LOCAL lock_timeout = 0"))
            yield connection
    except (DBAPIError, OSError) as error:
        if error_code(error) is not ErrorCode.DEPENDENCY_UNAVAILABLE:
            raise
        cause = error.driver_exception if isinstance(error, DBAPIError) else error
        message = "The database at DATABASE_URL cannot be reached"
        raise AppError(ErrorCode.DEPENDENCY_UNAVAILABLE, message) from cause


async def execute(driver: Driver, sql: str) -> None:
    """Run a command without parameters."""
    await driver.execute(sql)


async def fetch(driver: Driver, sql: str, arguments: Sequence[Any]) -> Sequence[Any]:
    """Run a statement and return its rows."""
    return await driver.fetch(sql, *arguments)


async def change(driver: Driver, sql: str, arguments: Sequence[Any]) -> int:
    """Run a statement that returns no rows; how many it has inserted, updated or deleted."""
    status = await driver.execute(sql, *arguments)
    return int(status.rpartition(" ")[2])


async def run_many(driver: Driver, sql: str, rows: Sequence[Sequence[Any]]) -> None:
    """Run a statement for each row of arguments, in one round trip."""
    await driver.executemany(sql, rows)


async def commit(driver: Driver) -> None:
    """Commit the transaction, which an error that somebody ignored would have turned back."""
    if await driver.execute("COMMIT") != "COMMIT":
        raise RuntimeError("a statement of the unit of work failed, and its error was ignored")


def interrupt(_connection: Connection) -> None:
    """Stop the running statement, whose task is cancelled; asyncpg does so by itself."""


async def settle(driver: Driver, *, interrupted: bool) -> None:
    """Roll back what is open, and close a connection that cannot be used again.

    `interrupted` says that a running statement was given up: asyncpg then asks the server to
    cancel it, and the next command on the connection waits until that is done.
    """
    if driver.is_closed():
        return
    try:
        async with asyncio.timeout(SETTLE_SECONDS):
            if interrupted and not driver.is_in_transaction():
                await driver.execute("SELECT 1")
            if driver.is_in_transaction():
                await driver.execute("ROLLBACK")
    except (*DRIVER_ERRORS, OSError):
        driver.terminate()


def try_lock(number: ColumnElement[int]) -> ColumnElement[bool]:
    """Takes a lock that ends with the transaction; false while another transaction has it."""
    return func.pg_try_advisory_xact_lock(number, type_=Boolean)


def indexes_by_state(prefix: str, **columns: str) -> list[Index]:
    """For each state that a row's `state` may have, an index of the rows in it by a column."""
    return [
        Index(f"{prefix}_{state}", column, postgresql_where=text(f"state = '{state}'"))
        for state, column in columns.items()
    ]


# Class 23: the data forbid it. Class 40: another transaction won.
_CONFLICT = ("23503", "23505", "23P01", "40001", "40P01")
_TOO_SLOW = ("25P03", "55P03", "57014")
# Classes 08, 28, 53, 57P and 58: no connection, not let in, no resources, shutting down, system
# error. A server that is read-only (25006) or whose tables change under a prepared statement
# (0A000) is so for a moment; a database that does not exist (3D000) is yet to come.
_UNAVAILABLE = ("08", "28", "53", "57P", "58", "0A000", "25006", "3D000")


def error_code(error: Exception) -> ErrorCode | None:
    """What an error of the driver means to a caller; None where it is a fault of the service."""
    cause = error.driver_exception if isinstance(error, DBAPIError) else error
    state: str = getattr(cause, "sqlstate", None) or ""
    if isinstance(cause, TimeoutError) or state in _TOO_SLOW:
        return ErrorCode.DEADLINE_EXCEEDED
    if state in _CONFLICT:
        return ErrorCode.CONFLICT
    # asyncpg is confused by a connection that ends between two statements.
    lost = isinstance(cause, (OSError, asyncpg.InternalClientError)) or (
        type(cause) is asyncpg.InterfaceError and "closed" in str(cause)
    )
    if lost or state.startswith(_UNAVAILABLE):
        return ErrorCode.DEPENDENCY_UNAVAILABLE
    return None
