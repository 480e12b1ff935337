"""Each query of the outbox finds its messages by an index, however many are done."""

from datetime import timedelta

import pytest

from app.db import Database
from app.platform.clock import now
from app.platform.ids import new_uuid
from app.queue.outbox import Outbox
from app.queue.stored import DeadFilter, StoredMessage
from tests.support.plans import bad_steps
from tests.support.statements import sent_statements

pytestmark = pytest.mark.anyio

NOW = now()


def message(number: int) -> StoredMessage:
    created = NOW - timedelta(minutes=number)
    return StoredMessage(new_uuid(), "test", 1, "{}", "r", "", created, 0, None, None)


async def test_no_query_of_the_outbox_reads_a_whole_collection(own_database: Database) -> None:
    outbox, messages = Outbox(own_database), [message(number) for number in range(4)]
    dead, pending, given_back, finished = (stored.id for stored in messages)
    within = DeadFilter(
        topic="test", since=NOW - timedelta(hours=1), until=NOW + timedelta(hours=1)
    )
    with sent_statements() as sent:
        async with own_database.unit_of_work() as work:
            for stored in messages:
                await outbox.append(work, stored)
        # The oldest come first.
        assert set(await outbox.due(2, resend=60)) == {given_back, finished}
        assert set(await outbox.due(9, resend=60)) == {dead, pending}
        await outbox.release([given_back])
        assert await outbox.due(9, resend=60) == [given_back]
        claimed = await outbox.claim([dead, given_back, finished], lease=60)
        assert {(stored.id, stored.attempts) for stored in claimed} == {
            (dead, 1),
            (given_back, 1),
            (finished, 1),
        }
        assert await outbox.claim([dead], lease=60) == []
        await outbox.renew({dead: 1, given_back: 1}, lease=60)
        assert await outbox.hand_back(given_back, 1)
        assert await outbox.retry(given_back, 0, 1, "error")
        assert await outbox.dead(dead, 1, "error")
        assert not await outbox.dead(dead, 1, "error")
        async with own_database.unit_of_work() as work:
            assert await outbox.done(work, finished, 1)
        depth = await outbox.depth()
        assert (depth.pending, depth.dead) == (2, 1)
        assert depth.oldest == NOW - timedelta(minutes=2)
        for chosen in (DeadFilter(), within, DeadFilter(ids=(dead, pending))):
            assert [stored.id for stored in await outbox.list_dead(chosen, 10)] == [dead]
        assert await outbox.prune(now() + timedelta(minutes=1), 5) == 1
        assert await outbox.replay(DeadFilter(), 10) == [dead]
    async with own_database.unit_of_work(read_only=True) as reading:
        bad = [(one, await bad_steps(reading, one)) for one in sent]
    assert len(bad) > 20
    assert [one for one in bad if one[1]] == []
