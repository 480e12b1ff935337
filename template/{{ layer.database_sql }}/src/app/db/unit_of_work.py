"""One transaction, as stores see it."""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import structlog
from sqlalchemy import Connection, PoolProxiedConnection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.db import engine
from app.db.statement import Statement
from app.db.tracing import statement_span
from app.errors import AppError, ErrorCode

log = structlog.get_logger()


class UnitOfWork:
    """One transaction on one connection. Stores take it and never commit.

    Made by `Database.unit_of_work()` only, which commits it.
    """

    def __init__(self, pool: AsyncEngine, pooled: PoolProxiedConnection) -> None:
        driver = pooled.driver_connection
        assert driver is not None
        self.driver: engine.Driver = driver
        self._pool = pool
        self._pooled = pooled
        self._after_commit: list[Callable[[], Awaitable[None]]] = []

    @cached_property
    def connection(self) -> AsyncConnection:
        """The transaction for SQLAlchemy Core; not to be closed, committed or rolled back."""
        return AsyncConnection(self._pool, Connection(self._pool.sync_engine, self._pooled))

    async def fetch(self, statement: Statement, **values: Any) -> Sequence[Any]:
        """Run a statement; the rows that it returns, in the types of its columns."""
        arguments = statement.arguments(values)
        with statement_span(statement.span_attributes), reaching():
            found = await engine.fetch(self.driver, statement.sql, arguments)
        return statement.rows(found)

    async def change(self, statement: Statement, **values: Any) -> int:
        """Run a statement that returns no rows; how many it has inserted, updated or deleted."""
        arguments = statement.arguments(values)
        with statement_span(statement.span_attributes), reaching():
            return await engine.change(self.driver, statement.sql, arguments)

    async def run_many(self, statement: Statement, rows: Iterable[Mapping[str, Any]]) -> None:
        """Run a statement once for each row of values."""
        arguments = [statement.arguments(row) for row in rows]
        with statement_span(statement.span_attributes), reaching():
            await engine.run_many(self.driver, statement.sql, arguments)

    def after_commit(self, callback: Callable[[], Awaitable[None]]) -> None:
        """Run the callback once the transaction is committed and its connection given back.

        What it raises is logged and goes no further: the commit has happened.
        """
        self._after_commit.append(callback)

    async def committed(self) -> None:
        """For `Database`: run the callbacks."""
        for callback in self._after_commit:
            try:
                await callback()
            except Exception:
                log.exception("after_commit_failed")


@contextmanager
def reaching() -> Iterator[None]:
    """Tell the loss of the connection, and a timeout, from such errors of other work."""
    try:
        yield
    except OSError as error:
        raise AppError(engine.error_code(error) or ErrorCode.DEPENDENCY_UNAVAILABLE) from error
