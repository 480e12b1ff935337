"""How the service talks to MySQL and MariaDB; no other module but the settings knows the engine."""

import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple, TypeAlias
from uuid import UUID

from asyncmy import errors
from sqlalchemy import JSON, ColumnElement, Connection, Dialect, Index, event, func, select, types
from sqlalchemy.dialects import mysql
from sqlalchemy.dialects.mysql.asyncmy import dialect
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry, NullPool
from sqlalchemy.types import TypeDecorator

from app.db.driver import LimitedConnection, connect
from app.db.settings import DatabaseSettings
from app.errors import AppError, ErrorCode

SYSTEM = "mysql"
DIALECT: Dialect = dialect()
NUMERIC_CODE = None
DRIVER_ERRORS = (errors.Error,)
Driver: TypeAlias = LimitedConnection

# Said of each column, whatever the default of the database is: text is equal only to itself, but
# for spaces at its end.
_EXACT = {"charset": "utf8mb4", "collation": "utf8mb4_bin"}
Bytes = mysql.MEDIUMBLOB()
Digest = types.VARBINARY(64)
Json = JSON
Name = mysql.VARCHAR(255, **_EXACT)
Text = mysql.MEDIUMTEXT(**_EXACT)
CENT, FINEST = Decimal("0.01"), Decimal("0.0001")


class Uuid(TypeDecorator[UUID]):
    """The sixteen bytes, so that version 7 sorts by time and an index stays small."""

    impl = types.BINARY(16)
    cache_ok = True

    def process_bind_param(self, value: UUID | None, _dialect: Dialect) -> bytes | None:
        return None if value is None else value.bytes

    def process_result_value(self, value: bytes | None, _dialect: Dialect) -> UUID | None:
        return None if value is None else UUID(bytes=value)


class UtcDateTime(TypeDecorator[datetime]):
    """A moment to the microsecond; the column knows no zone, so it is always UTC."""

    impl = mysql.DATETIME(fsp=6)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        return value and value.replace(tzinfo=UTC)


class Money(TypeDecorator[Decimal]):
    """An exact decimal of at most four places. It comes back with two, or with four if needed."""

    impl = types.Numeric(23, 4)
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, _dialect: Dialect) -> Decimal | None:
        if value is not None and value != value.quantize(FINEST):
            raise ValueError("money has at most four decimal places")
        return value

    def process_result_value(self, value: Decimal | None, _dialect: Dialect) -> Decimal | None:
        if value is None:
            return None
        short = value.quantize(CENT)
        return short if short == value else value


PING_AFTER_IDLE_SECONDS = 5.0
RECYCLE_SECONDS = 1800
MIGRATION_LOCK = "migrate"
_GUARD_SECONDS = 10


class Engines(NamedTuple):
    """The pools for reading and for writing, here one and the same, and how to begin writing."""

    read: AsyncEngine
    write: AsyncEngine
    begin: str


def create_engines(settings: DatabaseSettings) -> Engines:
    """The pool; to SQLAlchemy in autocommit, since the unit of work begins and commits."""

    async def open_connection(**_: object) -> Driver:
        return await connect(settings, settings.db_statement_timeout_seconds)

    engine = create_async_engine(
        "mysql+asyncmy://",
        connect_args={"async_creator_fn": open_connection},
        isolation_level="AUTOCOMMIT",
        max_overflow=0,
        pool_recycle=RECYCLE_SECONDS,
        pool_reset_on_return=None,
        pool_size=settings.db_pool_size,
        pool_timeout=settings.db_pool_timeout_seconds,
        pool_use_lifo=True,
    )

    @event.listens_for(engine.sync_engine, "checkin")
    def note_time(_connection: object, entry: ConnectionPoolEntry) -> None:
        entry.info["used_at"] = time.monotonic()

    @event.listens_for(engine.sync_engine, "checkout")
    def refuse_lost(connection: Any, entry: ConnectionPoolEntry, _proxy: object) -> None:
        # A server that goes away says so, which costs nothing to notice. What a silent network
        # has swallowed takes a ping to find out, and only after a pause.
        driver: Driver = connection.driver_connection
        if driver.lost:
            raise DisconnectionError
        now = time.monotonic()
        if now - entry.info.get("used_at", now) > PING_AFTER_IDLE_SECONDS:
            try:
                connection.run_async(Driver.try_out)
            except (*DRIVER_ERRORS, OSError) as error:
                driver.close()
                raise DisconnectionError from error

    return Engines(engine, engine, "START TRANSACTION")


@asynccontextmanager
async def migrating(settings: DatabaseSettings) -> AsyncGenerator[AsyncConnection]:
    """A connection for migrations: one process at a time, and no limit to the time they take.

    Waiting for the lock of a table is limited, because all requests would queue up behind it.
    """

    async def open_connection(**_: object) -> Driver:
        return await connect(settings, None)

    engine = create_async_engine(
        "mysql+asyncmy://",
        connect_args={"async_creator_fn": open_connection},
        # Ends the driver's autocommit: a revision that fails keeps no row that it wrote.
        isolation_level="READ COMMITTED",
        poolclass=NullPool,
    )
    lock = select(func.get_lock(_lock_name(MIGRATION_LOCK), _GUARD_SECONDS))
    try:
        async with engine.connect() as connection:
            # Held until the connection ends, whatever the migrations commit meanwhile.
            while not await connection.scalar(lock):
                pass
            await connection.rollback()
            yield connection
    except (DBAPIError, *DRIVER_ERRORS, OSError) as error:
        if error_code(error) is not ErrorCode.DEPENDENCY_UNAVAILABLE:
            raise
        cause = (error.orig if isinstance(error, DBAPIError) else None) or error
        message = "The database at DATABASE_URL cannot be reached"
        raise AppError(ErrorCode.DEPENDENCY_UNAVAILABLE, message) from cause


async def execute(driver: Driver, sql: str) -> None:
    """Run a command without parameters."""
    await driver.run(sql)


async def fetch(driver: Driver, sql: str, arguments: Sequence[Any]) -> Sequence[Any]:
    """Run a statement and return its rows."""
    cursor = driver.cursor()
    await cursor.execute(sql, arguments)
    rows: Sequence[Any] = await cursor.fetchall()
    return rows


async def change(driver: Driver, sql: str, arguments: Sequence[Any]) -> int:
    """Run a statement that returns no rows; how many it has inserted, updated or deleted."""
    changed: int = await driver.cursor().execute(sql, arguments)
    return changed


async def run_many(driver: Driver, sql: str, rows: Sequence[Sequence[Any]]) -> None:
    """Run a statement for each row of arguments; inserts share round trips."""
    await driver.cursor().executemany(sql, rows)


async def commit(driver: Driver) -> None:
    """Commit the transaction, and let go of its locks."""
    driver.refuse_failed()
    await driver.run("COMMIT; DO RELEASE_ALL_LOCKS()")


def interrupt(_connection: Connection) -> None:
    """Stop the running statement, whose task is cancelled; `settle` does so."""


async def settle(driver: Driver, *, interrupted: bool) -> None:
    """Roll back what is open; `interrupted` says that a running statement was given up.

    The driver has then closed the connection, of which the server takes no notice while it is busy.
    """
    await driver.settle(interrupted=interrupted)


def _lock_name(name: ColumnElement[int] | str) -> ColumnElement[str]:
    """Locks are known to the whole server, by names of at most 64 characters."""
    return func.md5(func.concat(func.database(), ":", name))


def try_lock(number: ColumnElement[int]) -> ColumnElement[bool]:
    """Takes a lock that ends with the transaction; false while another transaction has it."""
    return func.get_lock(_lock_name(number), 0, type_=types.Integer) == 1


def indexes_by_state(prefix: str, **columns: str) -> list[Index]:
    """For the states that a row's `state` may have, indexes of the rows in one by a column."""
    # No index has some of the rows only, so states share the one by the same column.
    indexed = dict.fromkeys(columns.values())
    return [Index(f"{prefix}_{column}", "state", column) for column in indexed]


# A key twice, a row that is referred to or missing, and transactions that the server turned back.
_CONFLICT = (1020, 1062, 1213, 1216, 1217, 1451, 1452, 1586, 3101)
# A lock that somebody else has kept, and statements that were stopped: by a limit, or by somebody.
_TOO_SLOW = (1205, 1317, 1969, 3024)
_UNAVAILABLE = (
    *(0, 2002, 2003, 2006, 2013, 2055),  # not connected
    # not let in, or the database is yet to come
    *(1042, 1043, 1044, 1045, 1049, 1129, 1130, 1251, 1698, 3118, 3159, 4151),
    *(1040, 1203, 1226),  # too many connections
    *(1021, 1037, 1038, 1041, 1114),  # no memory, no disk
    *(1053, 1077, 1078, 1079, 1927, 3169, 4031),  # shutting down, or the session was ended
    *(1152, 1158, 1159, 1160, 1161),  # the network
    *(1047, 1290, 1836, 3100),  # a replica, or a node apart from its cluster
    *(1412, 1615),  # a table that has just changed
)


def error_code(error: Exception) -> ErrorCode | None:
    """What an error of the driver means to a caller; None where it is a fault of the service."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(cause, TimeoutError):
        return ErrorCode.DEADLINE_EXCEEDED
    if isinstance(cause, OSError):
        return ErrorCode.DEPENDENCY_UNAVAILABLE
    number = cause.args[0] if isinstance(cause, errors.Error) and cause.args else None
    if number in _TOO_SLOW:
        return ErrorCode.DEADLINE_EXCEEDED
    if number in _CONFLICT:
        return ErrorCode.CONFLICT
    return ErrorCode.DEPENDENCY_UNAVAILABLE if number in _UNAVAILABLE else None
