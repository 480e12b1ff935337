"""Behind PgBouncer in transaction mode, where each transaction may meet another server."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from sqlalchemy import func, select, text

from app.db import Database
from app.db.settings import DatabaseSettings
from app.db.statement import Statement
from app.errors import AppError, ErrorCode
from app.features.orders.model import Order, OrderChanges, OrderDraft, OrderLine
from app.features.orders.store import OrderStore, orders
from dev.processes import answers, server
from dev.providers.postgresql import AS_UNPRIVILEGED, UNPRIVILEGED

PROGRAM = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(PROGRAM is None, reason="pgbouncer is not installed"),
]


@pytest.fixture(scope="module")
def url(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("pgbouncer")
    database = urlsplit(environment["DATABASE_URL"])
    settings = folder / "pgbouncer.ini"
    as_root = os.geteuid() == 0

    def command(port: int) -> list[str | Path]:
        settings.write_text(
            "[databases]\n"
            f"app = host={database.hostname} port={database.port} dbname={database.path[1:]}"
            f" user={database.username} password={database.password}\n"
            "[pgbouncer]\n"
            "listen_addr = 127.0.0.1\n"
            f"listen_port = {port}\n"
            "unix_socket_dir =\n"
            "auth_type = any\n"
            "pool_mode = transaction\n"
            "default_pool_size = 3\n"
        )
        if as_root:
            os.chown(folder, UNPRIVILEGED, UNPRIVILEGED)
        assert PROGRAM is not None
        return [*(AS_UNPRIVILEGED if as_root else ()), PROGRAM, settings]

    with server("PgBouncer", command, answers, folder / "log") as port:
        yield f"postgresql://{database.username}@127.0.0.1:{port}/app"


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    values = {
        "database_url": url,
        "db_transaction_pooling": True,
        "db_pool_timeout_seconds": 5,
        "db_statement_timeout_seconds": 1,
    }
    database = Database(DatabaseSettings.model_validate(values))
    yield database
    await database.aclose()


async def test_many_transactions_share_few_servers(database: Database) -> None:
    owner = f"owner-{uuid4()}"

    async def use() -> None:
        line = OrderLine("SKU", 1, Decimal("0.10"))
        for _ in range(5):
            order = Order.new(owner, OrderDraft("PO", "EUR", (line,)))
            async with database.unit_of_work() as work:
                await OrderStore(work).add(order)
                await work.connection.execute(select(orders.c.id).limit(1))
            async with database.unit_of_work(read_only=True) as work:
                assert await OrderStore(work).get(order.id) == order
                await work.connection.execute(select(orders.c.owner).limit(1))
            async with database.unit_of_work() as work:
                assert await OrderStore(work).update(order.changed(OrderChanges("PO-2")), 1)

    await asyncio.gather(*(use() for _ in range(20)))
    async with database.unit_of_work(read_only=True) as work:
        query = select(func.count()).where(orders.c.owner == owner)
        assert await work.connection.scalar(query) == 100


async def test_time_limits_and_cancellation_reach_the_server(database: Database) -> None:
    async def sleep() -> None:
        async with database.unit_of_work() as work:
            await work.fetch(Statement(text("SELECT pg_sleep(31)")))

    with pytest.raises(AppError) as caught:
        await sleep()
    assert caught.value.code is ErrorCode.DEADLINE_EXCEEDED
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(sleep(), 0.2)
    async with database.unit_of_work(read_only=True) as work:
        assert not await work.fetch(
            Statement(
                text(
                    "SELECT pid FROM pg_stat_activity"
                    " WHERE state = 'active' AND query = 'SELECT pg_sleep(31)'"
                )
            )
        )
