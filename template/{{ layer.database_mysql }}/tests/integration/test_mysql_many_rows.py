"""Rows that share a round trip, which the driver sends in a way of their own."""

import asyncio
import time
from urllib.parse import urlsplit

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, insert, text

from app.db import Database
from app.db.settings import DatabaseSettings
from app.db.statement import Statement
from app.errors import AppError, ErrorCode
from tests.support.link import linked

pytestmark = pytest.mark.anyio

numbers = Table("many_numbers", MetaData(), Column("n", Integer, primary_key=True))
ADD = Statement(insert(numbers))
ROWS = [{"n": 1}, {"n": 2}]


async def test_they_are_given_up_when_the_server_is_frozen(environment: dict[str, str]) -> None:
    address = urlsplit(environment["DATABASE_URL"])
    assert address.hostname
    user = address.netloc.rpartition("@")[0]
    with linked(address.hostname, address.port or 3306) as link:
        link.mend()
        url = address._replace(netloc=f"{user}@127.0.0.1:{link.port}").geturl()
        values = {"database_url": url, "db_statement_timeout_seconds": 0.5}
        database = Database(DatabaseSettings.model_validate(values))

        async def add() -> None:
            async with database.unit_of_work() as work:
                await work.connection.execute(text("CREATE TEMPORARY TABLE many_numbers (n INT)"))
                await work.run_many(ADD, ROWS)
                link.freeze()
                await work.run_many(ADD, ROWS)

        start = time.monotonic()
        with pytest.raises(AppError) as caught:
            async with asyncio.timeout(5):
                await add()
        assert caught.value.code is ErrorCode.DEADLINE_EXCEEDED
        assert time.monotonic() - start < 3
        link.mend()
        await database.aclose()


async def test_their_failure_ends_the_unit_of_work_too(database: Database) -> None:
    async def ignore() -> None:
        async with database.unit_of_work() as work:
            table = "CREATE TEMPORARY TABLE many_numbers (n INT PRIMARY KEY)"
            await work.connection.execute(text(table))
            await work.connection.execute(text("INSERT INTO many_numbers VALUES (2)"))
            with pytest.raises(Exception, match="Duplicate"):
                await work.run_many(ADD, ROWS)

    try:
        with pytest.raises(RuntimeError, match="its error was ignored"):
            await ignore()
    finally:
        await database.aclose()
