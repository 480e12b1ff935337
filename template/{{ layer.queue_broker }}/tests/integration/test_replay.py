"""Dead messages are replayed in batches, however many there are."""

import asyncio
from datetime import UTC, datetime
from uuid import UUID

import pytest

from app.errors import AppError, ErrorCode
from app.platform.ids import new_uuid
from app.queue import cli
from app.queue.outbox import Outbox
from app.queue.stored import DeadFilter, StoredMessage
from tests.support.bench import Bench

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "BATCH", 2)


async def publish(outbox: Outbox, bench: Bench, count: int) -> list[UUID]:
    published = list[UUID]()
    for _ in range(count):
        message_id, now = new_uuid(), datetime.now(UTC)
        async with bench.database.unit_of_work() as work:
            message = StoredMessage(message_id, "test", 1, "{}", "r", "", now, 0, None, None)
            await outbox.append(work, message)
        published.append(message_id)
    return published


async def kill(outbox: Outbox, message_ids: list[UUID]) -> None:
    for message in await outbox.claim(message_ids, lease=60):
        assert await outbox.dead(message.id, message.attempts, "error")


async def test_each_batch_of_a_replay_is_kept_by_itself(bench: Bench) -> None:
    class Tiring(Outbox):
        """The database is away from the third batch on."""

        batches = 0

        async def replay(self, chosen: DeadFilter, limit: int) -> list[UUID]:
            self.batches += 1
            if self.batches > 2:
                raise AppError(ErrorCode.DEPENDENCY_UNAVAILABLE)
            return await super().replay(chosen, limit)

    outbox = Outbox(bench.database)
    dead = await publish(outbox, bench, 5)
    for message_id in reversed(dead):
        await kill(outbox, [message_id])
        await asyncio.sleep(0.002)  # Databases may keep no finer times than milliseconds.
    with pytest.raises(AppError):
        await cli.replay_all(Tiring(bench.database), DeadFilter())
    assert [row.id for row in await bench.rows() if row.state == "dead"] == dead[:1]
    assert await bench.states() == {"dead", "pending"}
    assert await cli.replay_all(outbox, DeadFilter()) == {dead[0]}
    assert await bench.states() == {"pending"}


async def test_a_short_batch_is_not_the_last(bench: Bench) -> None:
    class Shared(Outbox):
        """Another replay has all but one message of each batch locked."""

        async def replay(self, chosen: DeadFilter, limit: int) -> list[UUID]:
            return await super().replay(chosen, min(limit, 1))

    outbox = Shared(bench.database)
    dead = await publish(outbox, bench, 3)
    await kill(outbox, dead)
    assert await cli.replay_all(outbox, DeadFilter()) == set(dead)


@pytest.mark.parametrize("by_id", [False, True])
async def test_messages_that_die_again_at_once_are_not_replayed_for_ever(
    bench: Bench, by_id: bool
) -> None:
    class Deadly(Outbox):
        """A worker gives up what is replayed before the next batch."""

        async def replay(self, chosen: DeadFilter, limit: int) -> list[UUID]:
            replayed = await super().replay(chosen, limit)
            await kill(self, replayed)
            return replayed

    outbox = Deadly(bench.database)
    dead = await publish(outbox, bench, 4)
    await kill(outbox, dead)
    async with asyncio.timeout(30):
        chosen = DeadFilter(ids=tuple(dead)) if by_id else DeadFilter()
        assert await cli.replay_all(outbox, chosen) == set(dead)
