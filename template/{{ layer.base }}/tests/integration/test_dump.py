"""The check that no secret is in the database, which ends each run, would find one."""

import pytest
from anyio import to_thread

from app.auth.principal import Principal
from app.db import Database
from app.db.idempotency import IdempotencyRecords
from app.platform.audit import audit
from app.platform.idempotency import IdempotencyKey
from tests.support.dump import dumped

pytestmark = pytest.mark.anyio

SOMEBODY = Principal("somebody", "user", frozenset())


async def test_text_and_bytes_are_found(own_database: Database, own_url: str) -> None:
    key = IdempotencyKey("somebody", "create", "key", b"fingerprint")
    async with own_database.unit_of_work() as work:
        await audit(work, "orders.create", "text-secret", principal=SOMEBODY)
        await IdempotencyRecords(work).claim(key)
        await IdempotencyRecords(work).complete(key, b"bytes-secret", 60)
    values = await to_thread.run_sync(list[str], dumped(own_url))
    found = {value.partition(":")[0] for value in values if "secret" in value}
    assert found == {"audit_events.object", "idempotency_records.result"}
