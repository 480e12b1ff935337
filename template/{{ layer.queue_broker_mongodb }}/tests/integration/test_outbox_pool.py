"""Claiming more messages than there are connections."""

import pytest

from app.db import Database
from app.db.settings import DatabaseSettings
from app.queue import outbox
from app.queue.outbox import Outbox
from tests.support.bench import Bench, recording

pytestmark = pytest.mark.anyio


async def test_messages_that_no_connection_is_free_for_in_time_are_left_to_the_next_claim(
    bench: Bench, database_settings: DatabaseSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = bench.queue({"test": recording})
    for number in range(300):
        await bench.publish(queue, "test", what=str(number))
    ids = [row.id for row in await bench.rows()]
    narrow = Database(database_settings.model_copy(update={"db_pool_size": 1}))
    try:
        await narrow.ping()
        monkeypatch.setattr(outbox, "BUSY_SECONDS", 0.05)
        first = await Outbox(narrow).claim(ids, lease=60)
        assert len(first) < len(ids)
        monkeypatch.setattr(outbox, "BUSY_SECONDS", 10)
        second = await Outbox(narrow).claim(ids, lease=60)
    finally:
        await narrow.aclose()
    assert second
    assert {it.id for it in second}.isdisjoint(it.id for it in first)
