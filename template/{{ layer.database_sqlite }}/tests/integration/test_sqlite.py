"""SQLite as a server's database: one writer, many readers, other processes."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text

from app.db import Database
from app.db.settings import DatabaseSettings
from app.db.statement import Statement
from app.errors import AppError, ErrorCode

pytestmark = pytest.mark.anyio

ADD = Statement(text("INSERT INTO notes VALUES ('note')"))
COUNT = Statement(text("SELECT count(*) FROM notes"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "test.db"


@pytest.fixture
async def database(path: Path) -> AsyncIterator[Database]:
    values = {"database_url": f"sqlite:///{path}", "db_busy_timeout_seconds": 0.3}
    database = Database(DatabaseSettings.model_validate(values))
    async with database.unit_of_work() as work:
        await work.fetch(Statement(text("CREATE TABLE notes (text TEXT)")))
    yield database
    await database.aclose()


async def count(database: Database) -> int:
    async with database.unit_of_work(read_only=True) as work:
        [[found]] = await work.fetch(COUNT)
    assert isinstance(found, int)
    return found


async def test_readers_go_on_while_somebody_writes(database: Database) -> None:
    async with database.unit_of_work() as work:
        await work.fetch(ADD)
        assert await asyncio.gather(*(count(database) for _ in range(4))) == [0] * 4
    assert await count(database) == 1


async def test_writers_wait_for_each_other(database: Database) -> None:
    async def add() -> None:
        async with database.unit_of_work() as work:
            await work.fetch(ADD)
            await asyncio.sleep(0.005)

    await asyncio.gather(*(add() for _ in range(20)))
    assert await count(database) == 20


async def test_another_process_that_holds_the_file_is_not_waited_for_too_long(
    database: Database, path: Path
) -> None:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    start = time.monotonic()
    with pytest.raises(AppError) as caught:
        async with database.unit_of_work():
            pass
    assert caught.value.code is ErrorCode.DEPENDENCY_UNAVAILABLE
    assert time.monotonic() - start < 2
    assert await count(database) == 0
    other.execute("ROLLBACK")
    other.close()
    async with database.unit_of_work() as work:
        await work.fetch(ADD)


async def test_what_promises_to_read_cannot_write(database: Database) -> None:
    with pytest.raises(AppError):
        async with database.unit_of_work(read_only=True) as work:
            await work.fetch(ADD)
    assert await count(database) == 0


async def test_a_row_cannot_refer_to_one_that_is_missing(database: Database) -> None:
    async with database.unit_of_work() as work:
        await work.fetch(Statement(text("CREATE TABLE parents (id INTEGER PRIMARY KEY)")))
        await work.fetch(
            Statement(text("CREATE TABLE children (parent INTEGER REFERENCES parents (id))"))
        )
    with pytest.raises(AppError) as caught:
        async with database.unit_of_work() as work:
            await work.fetch(Statement(text("INSERT INTO children VALUES (7)")))
    assert caught.value.code is ErrorCode.CONFLICT


async def test_a_folder_that_does_not_exist(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/nowhere/test.db"
    database = Database(DatabaseSettings.model_validate({"database_url": url}))
    with pytest.raises(AppError) as caught:
        await database.ping()
    assert caught.value.code is ErrorCode.DEPENDENCY_UNAVAILABLE
    await database.aclose()
    # The thread of the failed connection still has a word for the event loop.
    await asyncio.sleep(0.05)
