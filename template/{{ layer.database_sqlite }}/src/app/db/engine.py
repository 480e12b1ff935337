"""How SQLAlchemy talks to SQLite; the one module that knows the engine."""

from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from app.db.settings import DatabaseSettings
from app.errors import ErrorCode


class Engines(NamedTuple):
    """`read` runs each statement on its own, `write` in a transaction."""

    read: AsyncEngine
    write: AsyncEngine


def create_engines(settings: DatabaseSettings) -> Engines:
    url = settings.database_url.get_secret_value()
    write = create_async_engine(
        "sqlite+aiosqlite:" + url.partition(":")[2],
        pool_size=1,
        max_overflow=0,
        pool_timeout=settings.db_pool_timeout_seconds,
    )
    return Engines(write, write)


def error_code(error: Exception) -> ErrorCode | None:
    return ErrorCode.DEPENDENCY_UNAVAILABLE
