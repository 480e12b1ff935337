"""Migrations may create indexes without locking the table."""

import asyncio

import pytest
from sqlalchemy import text

from app.db import engine
from app.db.settings import DatabaseSettings


@pytest.mark.anyio
async def test_an_index_is_created_concurrently_while_others_wait_to_migrate(own_url: str) -> None:
    settings = DatabaseSettings.model_validate({"database_url": own_url})

    async def migrate() -> None:
        async with engine.migrating(settings) as connection:
            await connection.execution_options(isolation_level="AUTOCOMMIT")
            # Time for the others to wait.
            await asyncio.sleep(0.3)
            await connection.execute(text("DROP INDEX IF EXISTS made"))
            await connection.execute(text("CREATE INDEX CONCURRENTLY made ON orders (currency)"))

    async with asyncio.timeout(20):
        await asyncio.gather(*(migrate() for _ in range(2)))
