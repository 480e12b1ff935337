"""The pool of connections, and the one place that commits."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import structlog
from sqlalchemy import ExceptionContext, PoolProxiedConnection, QueuePool, event, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.util import greenlet_spawn

from app.db import engine
from app.db.settings import DatabaseSettings
from app.db.statement import Statement
from app.db.tracing import trace_core
from app.db.unit_of_work import UnitOfWork, reaching
from app.errors import AppError, ErrorCode

log = structlog.get_logger()
_PING = Statement(text("SELECT 1"))


@dataclass(frozen=True, slots=True)
class PoolStatus:
    """How many connections are in use, open and idle, and allowed."""

    used: int
    idle: int
    maximum: int


class Database:
    """The service's database. Connects when first used, and again once it was lost."""

    def __init__(self, settings: DatabaseSettings) -> None:
        self._engines = engine.create_engines(settings)
        self._pools = {self._engines.read, self._engines.write}
        self._settling: set[asyncio.Task[None]] = set()
        for pool in self._pools:
            trace_core(pool)
            event.listen(pool.sync_engine, "handle_error", _on_error)

    @asynccontextmanager
    async def unit_of_work(self, *, read_only: bool = False) -> AsyncGenerator[UnitOfWork]:
        """One transaction: commits at the end, rolls back on any exception and on cancellation.

        `read_only` promises to write nothing, and saves the transaction: each statement sees the
        database as it is at that moment.

        Raises AppError: DEPENDENCY_UNAVAILABLE when the database is away, DEADLINE_EXCEEDED when
        a statement took too long, CONFLICT when the data forbid a change or another transaction
        won.
        """
        pool = self._engines.read if read_only else self._engines.write
        pooled = await self._connect(pool)
        work = UnitOfWork(pool, pooled)
        try:
            if read_only:
                yield work
            else:
                with reaching():
                    await engine.execute(work.driver, self._engines.begin)
                yield work
                with reaching():
                    await engine.commit(work.driver)
        except BaseException as error:
            await self._settle(work.driver, pooled, error)
            if isinstance(error, (DBAPIError, *engine.DRIVER_ERRORS)):
                code = engine.error_code(error)
                if code is not None:
                    raise AppError(code) from error
            raise
        # Nothing is awaited here, as the pools neither reset connections nor overflow.
        pooled.close()
        await work.committed()

    async def ping(self) -> None:
        """Raise AppError unless the database answers."""
        async with self.unit_of_work(read_only=True) as work:
            await work.fetch(_PING)

    def pool_status(self) -> PoolStatus:
        """The state of the pool, for metrics."""
        queues = [pool.pool for pool in self._pools if isinstance(pool.pool, QueuePool)]
        return PoolStatus(
            used=sum(queue.checkedout() for queue in queues),
            idle=sum(queue.checkedin() for queue in queues),
            maximum=sum(queue.size() for queue in queues),
        )

    async def aclose(self) -> None:
        """Close every connection, after those in use are given back."""
        await asyncio.gather(*self._settling, return_exceptions=True)
        for pool in self._pools:
            await pool.dispose()

    async def _connect(self, pool: AsyncEngine) -> PoolProxiedConnection:
        try:
            return await pool.raw_connection()
        except Exception as error:
            # One code for both: load may keep the pool empty, and so may a frozen database.
            full = isinstance(error, PoolTimeoutError)
            name = "database_pool_exhausted" if full else "database_unreachable"
            log.warning(name, error=f"{type(error).__name__}: {error}")
            raise AppError(ErrorCode.DEPENDENCY_UNAVAILABLE) from error

    async def _settle(
        self, driver: engine.Driver, pooled: PoolProxiedConnection, error: BaseException
    ) -> None:
        """Give a connection back after an error, whatever happens to the caller meanwhile."""
        given_up = not isinstance(error, Exception) or isinstance(error.__cause__, TimeoutError)

        async def settle() -> None:
            try:
                await engine.settle(driver, interrupted=given_up)
            except engine.DRIVER_ERRORS:
                await greenlet_spawn(pooled.invalidate)
            finally:
                await greenlet_spawn(pooled.close)

        task = asyncio.create_task(settle())
        self._settling.add(task)
        task.add_done_callback(self._settling.discard)
        await asyncio.shield(task)


def _on_error(context: ExceptionContext) -> None:
    """Keep SQLAlchemy from closing connections by its own rules: `settle` decides."""
    context.is_disconnect = False
    error = context.original_exception
    if not isinstance(error, Exception) and context.connection is not None:
        engine.interrupt(context.connection)
    with reaching():
        if isinstance(error, OSError):
            raise error
