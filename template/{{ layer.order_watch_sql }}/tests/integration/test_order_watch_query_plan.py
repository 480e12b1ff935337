"""Looking for changes reads changed orders alone, however many there are."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from app.db import Database
from app.features.orders import store
from app.features.orders.changes import changed_orders
from app.platform.ids import new_uuid
from tests.support.database import analyze, bad_steps
from tests.support.statements import sent_statements

pytestmark = pytest.mark.anyio

MANY = 5000
NOW = datetime.now(UTC)


async def test_looking_for_changes_reads_an_index(own_database: Database) -> None:
    async with own_database.unit_of_work() as work:
        times = [NOW - timedelta(minutes=number) for number in range(MANY)]
        rows = [
            {
                "id": new_uuid(),
                "owner": "someone",
                "customer_reference": "PO",
                "status": "draft",
                "currency": "EUR",
                "total": Decimal(1),
                "version": 1,
                "created_at": time,
                "updated_at": time,
            }
            for time in times
        ]
        await work.run_many(store._ADD, rows)
        await analyze(work)
    async with own_database.unit_of_work() as work:
        with sent_statements() as sent:
            found = await changed_orders(work, NOW - timedelta(minutes=2), 10)
        assert [change.order_id for change in found] == [row["id"] for row in rows[:2]]
        assert await bad_steps(work, sent[0].sql, sent[0].arguments) == []
