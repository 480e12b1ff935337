"""Columns give back what was put in, alike on every engine."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Boolean, Column, Integer, MetaData, Table, select
from sqlalchemy import insert as insert_into

from app.db import Database
from app.db.schema import Bytes, Digest, Json, Money, Name, Text, UtcDateTime, Uuid
from app.db.statement import Statement
from app.platform.ids import new_uuid

pytestmark = pytest.mark.anyio

samples = Table(
    f"samples_{uuid4().hex[:8]}",
    MetaData(),
    Column("number", Integer, primary_key=True),
    Column("id", Uuid),
    Column("moment", UtcDateTime),
    Column("amount", Money),
    Column("json", Json(none_as_null=True)),
    Column("bytes", Bytes),
    Column("digest", Digest),
    Column("flag", Boolean),
    Column("text", Text),
    Column("name", Name),
)
EAST = timezone(timedelta(hours=5, minutes=45))


@pytest.fixture
async def database(database: Database) -> AsyncIterator[Database]:
    async with database.unit_of_work() as work:
        await work.connection.run_sync(samples.create)
    yield database
    async with database.unit_of_work() as work:
        await work.connection.run_sync(samples.drop)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("id", new_uuid()),
        ("moment", datetime(2026, 2, 28, 23, 59, 59, 999_999, UTC)),
        ("moment", datetime(2026, 1, 1, 0, 0, 0, 0, UTC)),
        ("moment", datetime(2026, 1, 1, 3, 0, 0, 1, EAST)),
        ("amount", Decimal("0.10")),
        ("amount", Decimal("-0.0001")),
        ("amount", Decimal("999999999999999.9999")),
        ("amount", Decimal("7.00")),
        ("json", {"a": [1, 2.5, None, "ü\n"], "b": {"c": True}}),
        ("json", ["x"]),
        ("bytes", b"\x00\xff" * 100_000),
        ("digest", b"\x00\xff" * 32),
        ("flag", False),
        ("text", "ß 🧾 'quoted' \\ \n" * 10_000),
        ("name", "ß 🧾 'quoted' \\ \n" * 15),
    ],
)
async def test_a_value_comes_back_as_it_was(database: Database, column: str, value: object) -> None:
    empty: dict[str, Any] = dict.fromkeys(samples.c.keys())
    async with database.unit_of_work() as work:
        await work.fetch(Statement(insert_into(samples)), **{**empty, "number": 1, column: value})
        await work.connection.execute(insert_into(samples).values(number=2, **{column: value}))
    query = select(samples.c[column]).order_by(samples.c.number)
    async with database.unit_of_work(read_only=True) as work:
        by_statement = [row[0] for row in await work.fetch(Statement(query))]
        by_core = list(await work.connection.scalars(query))
    for found in (*by_statement, *by_core):
        assert found == value
        assert str(found) == str(
            value if not isinstance(value, datetime) else value.astimezone(UTC)
        )
        if isinstance(found, datetime):
            assert found.utcoffset() == timedelta(0)
        if isinstance(value, UUID):
            assert isinstance(found, UUID)


async def test_nothing_is_nothing(database: Database) -> None:
    empty: dict[str, Any] = dict.fromkeys(samples.c.keys())
    async with database.unit_of_work() as work:
        await work.fetch(Statement(insert_into(samples)), **{**empty, "number": 1})
        [row] = await work.fetch(Statement(select(samples)))
    assert list(row) == [1, *[None] * 9]


async def test_a_time_without_a_zone_is_refused(database: Database) -> None:
    for moment in (datetime(2026, 1, 1), datetime.now()):  # noqa: DTZ001, DTZ005
        with pytest.raises(Exception, match=r"(?i)zone|naive"):
            async with database.unit_of_work() as work:
                await work.connection.execute(insert_into(samples).values(number=1, moment=moment))


async def test_moments_sort_by_time(database: Database) -> None:
    first = datetime(2026, 1, 1, 23, 0, 0, 0, EAST)
    moments = [first + timedelta(microseconds=step) for step in (0, 1, 10, 999_999, 1_000_000)]
    async with database.unit_of_work() as work:
        for number, moment in enumerate(reversed(moments)):
            await work.connection.execute(
                insert_into(samples).values(number=number, moment=moment.astimezone(UTC))
            )
        found = list(
            await work.connection.scalars(select(samples.c.moment).order_by(samples.c.moment))
        )
    assert found == moments
