"""The pool of connections, and units of work on it."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import structlog
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import QueuePool

from app.db import engine
from app.db.settings import DatabaseSettings
from app.db.unit_of_work import UnitOfWork
from app.errors import AppError

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class PoolStatus:
    """How many connections are open and busy, open and idle, and allowed."""

    used: int
    idle: int
    maximum: int


class Database:
    """The service's database. Connects when first used."""

    def __init__(self, settings: DatabaseSettings) -> None:
        self._engines = engine.create_engines(settings)

    @asynccontextmanager
    async def unit_of_work(self, *, read_only: bool = False) -> AsyncGenerator[UnitOfWork]:
        """One transaction: commits at the end, rolls back on any exception and on cancellation.

        `read_only` promises that nothing is written, and costs less: each statement then sees the
        database as it is when the statement starts.

        Raises AppError: DEPENDENCY_UNAVAILABLE when the database is away, DEADLINE_EXCEEDED when
        a statement took too long, CONFLICT when the data forbid the change or another transaction
        won.
        """
        chosen = self._engines.read if read_only else self._engines.write
        try:
            async with chosen.connect() as connection:
                work = UnitOfWork(connection)
                try:
                    yield work
                    await connection.commit()
                finally:
                    for ended in work._on_end:
                        ended()
        except (DBAPIError, PoolTimeoutError, OSError, TimeoutError) as error:
            code = engine.error_code(error)
            if code is None:
                raise
            raise AppError(code) from error
        for callback in work._after_commit:
            try:
                await callback()
            except Exception:
                log.exception("after_commit_failed")

    async def ping(self) -> None:
        """Raise AppError unless the database answers."""
        async with self.unit_of_work(read_only=True) as work:
            await work.connection.execute(text("SELECT 1"))

    def pool_status(self) -> PoolStatus:
        """The state of the pool, for metrics and health."""
        pools = {id(e.pool): e.pool for e in (self._engines.read, self._engines.write)}.values()
        queues = [pool for pool in pools if isinstance(pool, QueuePool)]
        return PoolStatus(
            used=sum(pool.checkedout() for pool in queues),
            idle=sum(pool.checkedin() for pool in queues),
            maximum=sum(pool.size() for pool in queues),
        )

    async def aclose(self) -> None:
        """Close every connection."""
        await self._engines.write.dispose()
        await self._engines.read.dispose()
