"""How the service talks to SQLite; no other module but the settings knows the engine."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

import aiosqlite
from sqlalchemy import (
    JSON,
    ColumnElement,
    Connection,
    DateTime,
    Dialect,
    Index,
    event,
    text,
    true,
    types,
)
from sqlalchemy.dialects.sqlite.aiosqlite import dialect
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.types import TypeDecorator

from app.db.settings import DatabaseSettings
from app.errors import AppError, ErrorCode

SYSTEM = "sqlite"
DIALECT: Dialect = dialect()
NUMERIC_CODE = None
DRIVER_ERRORS = (sqlite3.Error,)
Driver = aiosqlite.Connection

Bytes = Digest = types.LargeBinary
Json = JSON
Name = Text = types.Text
Uuid = types.Uuid
# Often enough to end a slow statement in time, and too seldom to cost anything.
STEPS_BETWEEN_CHECKS = 50_000
MIGRATION_SECONDS = 60
RETRY_SECONDS = 0.05


class UtcDateTime(TypeDecorator[datetime]):
    """A moment as text of one width and zone, so that it sorts."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        if value is not None and value.tzinfo is None:
            raise ValueError("a time without a zone")
        return value and value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        return value and value.replace(tzinfo=UTC)


class Money(TypeDecorator[Decimal]):
    """An exact decimal as text; SQLite knows floats only, so let Python calculate."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, _dialect: Dialect) -> str | None:
        return None if value is None else format(value, "f")

    def process_result_value(self, value: str | None, _dialect: Dialect) -> Decimal | None:
        return None if value is None else Decimal(value)


class Engines(NamedTuple):
    """Many readers, and one writer whom the others await; and how to begin writing."""

    read: AsyncEngine
    write: AsyncEngine
    begin: str


def create_engines(settings: DatabaseSettings) -> Engines:
    """The pools; to SQLAlchemy in autocommit, since the unit of work begins and commits."""
    return Engines(
        read=_engine(settings, settings.db_pool_size, "PRAGMA query_only = ON"),
        write=_engine(settings, 1, "PRAGMA journal_mode = WAL"),
        begin="BEGIN IMMEDIATE",
    )


def _engine(settings: DatabaseSettings, size: int, *pragmas: str) -> AsyncEngine:
    engine = create_async_engine(
        f"sqlite+aiosqlite:///{settings.path}",
        isolation_level="AUTOCOMMIT",
        connect_args={"timeout": settings.db_busy_timeout_seconds},
        max_overflow=0,
        pool_reset_on_return=None,
        pool_size=size,
        pool_timeout=settings.db_pool_timeout_seconds,
    )

    async def prepare(driver: Driver) -> None:
        started = time.monotonic()

        def start(_sql: str) -> None:
            nonlocal started
            started = time.monotonic()

        def expired() -> bool:
            return time.monotonic() - started > settings.db_statement_timeout_seconds

        for pragma in ("PRAGMA foreign_keys = ON", "PRAGMA trusted_schema = OFF", *pragmas):
            await driver.execute_fetchall(pragma)
        await driver.set_trace_callback(start)
        await driver.set_progress_handler(expired, STEPS_BETWEEN_CHECKS)

    @event.listens_for(engine.sync_engine, "connect")
    def on_connect(connection: Any, _entry: object) -> None:
        connection.run_async(prepare)

    return engine


@asynccontextmanager
async def migrating(settings: DatabaseSettings) -> AsyncGenerator[AsyncConnection]:
    """A connection for migrations: one process at a time, and all of them or none."""
    engine = create_async_engine(
        f"sqlite+aiosqlite:///{settings.path}",
        isolation_level="AUTOCOMMIT",
        connect_args={"timeout": MIGRATION_SECONDS},
    )
    try:
        async with engine.connect() as connection:
            # Off while tables are copied to change them; the check makes up for it.
            await connection.execute(text("PRAGMA foreign_keys = OFF"))
            await _use_write_ahead_log(connection)
            await connection.execute(text("BEGIN IMMEDIATE"))
            yield connection
            if (await connection.execute(text("PRAGMA foreign_key_check"))).first():
                raise RuntimeError("a migration leaves rows that refer to missing ones")
            await connection.execute(text("COMMIT"))
    except DBAPIError as error:
        if error_code(error) is not ErrorCode.DEPENDENCY_UNAVAILABLE:
            raise
        message = f"{settings.path} cannot be used: {error.orig}"
        raise AppError(ErrorCode.DEPENDENCY_UNAVAILABLE, message) from error
    finally:
        await engine.dispose()


async def _use_write_ahead_log(connection: AsyncConnection) -> None:
    """Switch to it; SQLite refuses while others do so, rather than wait for them."""
    async with asyncio.timeout(MIGRATION_SECONDS):
        while True:
            try:
                await connection.execute(text("PRAGMA journal_mode = WAL"))
            except OperationalError as error:
                if getattr(error.orig, "sqlite_errorcode", None) != sqlite3.SQLITE_BUSY:
                    raise
                await asyncio.sleep(RETRY_SECONDS)
            else:
                return


async def execute(driver: Driver, sql: str) -> None:
    """Run a command without parameters."""
    await driver.execute_fetchall(sql)


async def fetch(driver: Driver, sql: str, arguments: Sequence[Any]) -> Sequence[Any]:
    """Run a statement and return its rows."""
    return list(await driver.execute_fetchall(sql, arguments))


async def change(driver: Driver, sql: str, arguments: Sequence[Any]) -> int:
    """Run a statement that returns no rows; how many it has inserted, updated or deleted."""
    return (await driver.execute(sql, arguments)).rowcount


async def run_many(driver: Driver, sql: str, rows: Sequence[Sequence[Any]]) -> None:
    """Run a statement for each row of arguments."""
    await driver.executemany(sql, rows)


async def commit(driver: Driver) -> None:
    """Commit the transaction."""
    await driver.execute_fetchall("COMMIT")


def interrupt(connection: Connection) -> None:
    """Stop the running statement, whose task is cancelled."""
    adapted: Any = connection.connection.dbapi_connection
    adapted.run_async(Driver.interrupt)


async def settle(driver: Driver, *, interrupted: bool) -> None:
    """Roll back what is open; `interrupted` says that a running statement was given up."""
    if interrupted:
        await driver.interrupt()
        # Waits until the thread of the connection has come to the end of that statement.
        await driver.execute_fetchall("SELECT 1")
    if driver.in_transaction:
        await driver.execute_fetchall("ROLLBACK")


def try_lock(_number: ColumnElement[int]) -> ColumnElement[bool]:
    """Takes a lock that ends with the transaction; at hand always, as there is but one writer."""
    return true()


def indexes_by_state(prefix: str, **columns: str) -> list[Index]:
    """For each state that a row's `state` may have, an index of the rows in it by a column."""
    return [
        Index(f"{prefix}_{state}", column, sqlite_where=text(f"state = '{state}'"))
        for state, column in columns.items()
    ]


_CONFLICT = (
    sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY,
    sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY,
    sqlite3.SQLITE_CONSTRAINT_UNIQUE,
)
_UNAVAILABLE = (
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_READONLY,
)


def error_code(error: Exception) -> ErrorCode | None:
    """What an error of the driver means to a caller; None where it is a fault of the service."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    code: int = getattr(cause, "sqlite_errorcode", sqlite3.SQLITE_OK)
    primary = code & 0xFF
    if isinstance(cause, TimeoutError) or primary == sqlite3.SQLITE_INTERRUPT:
        return ErrorCode.DEADLINE_EXCEEDED
    if code in _CONFLICT:
        return ErrorCode.CONFLICT
    if isinstance(cause, OSError) or primary in _UNAVAILABLE:
        return ErrorCode.DEPENDENCY_UNAVAILABLE
    return None
