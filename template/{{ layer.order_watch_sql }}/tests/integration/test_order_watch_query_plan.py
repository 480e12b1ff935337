"""Looking for changes reads what has changed alone, however much there is."""

from datetime import UTC, datetime, timedelta

import pytest

from app.db import Database
from app.db import audit as audit_store
from app.features.orders.changes import changed_orders
from app.platform.ids import new_uuid
from tests.support.database import analyze, bad_steps
from tests.support.statements import sent_statements

pytestmark = pytest.mark.anyio

MANY = 5000
NOW = datetime.now(UTC)


async def test_looking_for_changes_reads_an_index(own_database: Database) -> None:
    async with own_database.unit_of_work() as work:
        rows = [
            {
                "id": new_uuid(),
                "occurred_at": NOW - timedelta(minutes=number),
                "actor": "someone",
                "actor_kind": "user",
                "action": "orders.create",
                "object": f"orders/{new_uuid()}",
                "outcome": "success",
                "request_id": "request",
                "client_address": "192.0.2.1",
                "scopes": None,
            }
            for number in range(MANY)
        ]
        await work.run_many(audit_store._ADD, rows)
        await analyze(work)
    async with own_database.unit_of_work() as work:
        with sent_statements() as sent:
            await changed_orders(work, NOW - timedelta(minutes=2), 10)
        assert await bad_steps(work, sent[0].sql, sent[0].arguments) == []
