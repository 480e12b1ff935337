"""Each query of the outbox finds its rows by an index, however many messages are done."""

from dataclasses import asdict
from datetime import UTC, datetime, timedelta

import pytest

from app.db import Database
from app.platform.ids import new_uuid
from app.queue import outbox_sql
from app.queue.outbox import Outbox
from app.queue.stored import DeadFilter, StoredMessage
from tests.support.database import analyze, bad_steps
from tests.support.statements import sent_statements

pytestmark = pytest.mark.anyio

MANY = 8000
NOW = datetime.now(UTC)


def message(number: int) -> StoredMessage:
    created, finished = NOW - timedelta(minutes=number), NOW - timedelta(seconds=number)
    return StoredMessage(new_uuid(), "test", 1, "{}", "r", "", created, 1, None, finished)


MESSAGES = [message(number) for number in range(MANY)]
STATES = ["dead" if n % 100 == 1 else "pending" if n % 100 == 2 else "done" for n in range(MANY)]


@pytest.fixture
async def filled(own_database: Database) -> Database:
    async with own_database.unit_of_work() as work:
        await work.run_many(
            outbox_sql.APPEND,
            [
                {
                    **asdict(stored),
                    "state": state,
                    "available_at": stored.created_at,
                    "locked_until": stored.created_at,
                }
                for stored, state in zip(MESSAGES, STATES, strict=True)
            ],
        )
        await analyze(work)
    return own_database


async def test_no_query_of_the_outbox_reads_a_whole_table(filled: Database) -> None:
    outbox = Outbox(filled)
    pending, dead = MESSAGES[2], MESSAGES[1]
    filters = [
        DeadFilter(),
        DeadFilter(topic="test", since=NOW - timedelta(hours=1), until=NOW),
        DeadFilter(ids=(dead.id, pending.id)),
    ]
    with sent_statements() as sent:
        assert len(await outbox.due(20, resend=60)) == 20
        await outbox.release([pending.id])
        assert len(await outbox.claim([pending.id, dead.id], lease=60)) == 1
        await outbox.renew({pending.id: 2}, lease=60)
        assert await outbox.retry(pending.id, 2, 1, "error")
        assert await outbox.dead(pending.id, 2, "error")
        depth = await outbox.depth()
        assert (depth.pending, depth.dead) == (MANY / 100 - 1, MANY / 100 + 1)
        for chosen in filters[:2]:
            assert await outbox.list_dead(chosen, 10)
        assert set(await outbox.replay(filters[-1], 10)) == {dead.id, pending.id}
        for chosen in filters[:2]:
            assert len(await outbox.replay(chosen, 5)) == 5
        assert await outbox.prune(NOW - timedelta(seconds=MANY - 10), 5) == 5
    async with filled.unit_of_work() as work:
        bad = {one.sql: await bad_steps(work, one.sql, one.arguments) for one in sent}
    assert len(bad) > 10
    assert {sql: steps for sql, steps in bad.items() if steps} == {}
