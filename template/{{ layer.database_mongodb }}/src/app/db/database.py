"""The client of the database, and the one place that commits."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import structlog
from pymongo.errors import ConnectionFailure, PyMongoError

from app.db.client import create_client
from app.db.failures import error_code, is_crowded
from app.db.pool import PoolCounter, PoolStatus
from app.db.settings import DatabaseSettings
from app.db.unit_of_work import Session, UnitOfWork
from app.errors import AppError, ErrorCode

SETTLE_SECONDS = 0.5
log = structlog.get_logger()


class Database:
    """The service's database. Connects when first used, and again once it was lost."""

    def __init__(self, settings: DatabaseSettings) -> None:
        self._pool = PoolCounter(settings.db_pool_size)
        self._client = create_client(settings, self._pool)
        self._database = self._client[settings.database_name]
        self._seconds = settings.db_statement_timeout_seconds
        self._settling: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def unit_of_work(self, *, read_only: bool = False) -> AsyncGenerator[UnitOfWork]:
        """One transaction: commits at the end, rolls back on any exception and on cancellation.

        `read_only` promises to write nothing, and saves the transaction: each statement sees the
        database as it is at that moment.

        Raises AppError: DEPENDENCY_UNAVAILABLE when the database is away, DEADLINE_EXCEEDED when
        a statement took too long, CONFLICT when the data forbid a change or another transaction
        won.
        """
        session = None if read_only else self._client.start_session(causal_consistency=False)
        work = UnitOfWork(self._database, session, self._seconds)
        try:
            await work.begin()
            yield work
            await work.commit()
        except BaseException as error:
            if session is not None:
                await self._settle(session)
            if isinstance(error, PyMongoError):
                code = error_code(error)
                if code is not None:
                    raise _told(error, code) from error
            raise
        if session is not None:
            await session.end_session()
        await work.committed()

    @asynccontextmanager
    async def single_writes(self) -> AsyncGenerator[UnitOfWork]:
        """Statements that each stand alone: a write is atomic for its document, and kept at once.

        Raises AppError as a unit of work does.
        """
        async with self.unit_of_work(read_only=True) as work:
            yield work

    async def ping(self) -> None:
        """Raise AppError unless the database answers."""
        async with self.unit_of_work(read_only=True) as work:
            await work.read("ping", "", lambda _: work.database.command("ping"))

    def pool_status(self) -> PoolStatus:
        """The state of the pool, for metrics."""
        return self._pool.status()

    async def aclose(self) -> None:
        """Close every connection."""
        await asyncio.gather(*self._settling, return_exceptions=True)
        await self._client.close()

    async def _settle(self, session: Session) -> None:
        """Roll back, whatever happens to the caller meanwhile, who waits no longer than a moment.

        Where the server cannot be told, it gives the transaction up by itself after a minute.
        """

        async def settle() -> None:
            if session.in_transaction:
                await session.abort_transaction()
            await session.end_session()

        task = asyncio.create_task(settle())
        self._settling.add(task)
        task.add_done_callback(self._settling.discard)
        await asyncio.wait([task], timeout=SETTLE_SECONDS)


def _told(error: PyMongoError, code: ErrorCode) -> AppError:
    # One code for both: load may keep the pool empty, and so may a frozen database.
    if is_crowded(error):
        log.warning("database_pool_exhausted", error=type(error).__name__)
    elif isinstance(error, ConnectionFailure):
        log.warning("database_unreachable", error=type(error).__name__)
    return AppError(code)
