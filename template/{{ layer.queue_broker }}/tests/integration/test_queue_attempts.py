"""Every message has its effect once, whatever happens to its attempts."""

import asyncio
from datetime import UTC, datetime
from uuid import UUID

import pytest
from pydantic import BaseModel

from app.platform.ids import new_uuid
from app.platform.messages import Delivery, RejectedError
from app.queue.delivery import Deliverer
from app.queue.stored import DeadFilter, StoredMessage
from tests.support.bench import Bench, done, eventually, recording, working
from tests.support.outbox import record

pytestmark = pytest.mark.anyio


async def test_a_failed_attempt_leaves_nothing_and_is_made_again(bench: Bench) -> None:
    attempts: list[int] = []

    async def third_time_lucky(delivery: Delivery) -> None:
        attempts.append(delivery.attempt)
        async with delivery.effect() as work:
            await record(work, "half")
            if delivery.attempt < 3:
                raise ConnectionError("not yet")

    queue = bench.queue({"test": third_time_lucky})
    await bench.publish(queue, "test")
    async with working(queue):
        await eventually(done(bench))
    assert attempts == [1, 2, 3]
    assert await bench.effects() == ["half"]


async def test_a_message_that_always_fails_is_dead_in_the_end_and_holds_nobody_up(
    bench: Bench,
) -> None:
    async def failing(delivery: Delivery) -> None:
        raise ConnectionError("refused\0") from ValueError("the cause")

    handlers = {"fails": failing, "works": recording}
    queue = bench.queue(handlers, queue_max_attempts=4, queue_concurrency=1)
    await bench.publish(queue, "fails")
    for number in range(5):
        await bench.publish(queue, "works", what=str(number))

    async def finished() -> bool:
        return await bench.states() == {"done", "dead"}

    async with working(queue):
        await eventually(finished)
    assert await bench.effects() == ["0", "1", "2", "3", "4"]
    (dead,) = await queue.outbox.list_dead(DeadFilter(), 10)
    assert (dead.topic, dead.attempts) == ("fails", 4)
    assert dead.last_error == "ConnectionError: refused  < ValueError: the cause"

    handlers["fails"] = recording
    await bench.alter(payload='{"what": "replayed"}')
    queue = bench.queue(handlers)
    assert await queue.outbox.replay(DeadFilter(topic="fails"), 10) == [dead.id]
    async with working(queue):
        await eventually(done(bench))
    assert "replayed" in await bench.effects()


class Shape(BaseModel):
    number: int


async def reject(delivery: Delivery) -> None:
    raise RejectedError("gone")


async def validate(delivery: Delivery) -> None:
    Shape.model_validate(delivery.message.payload)


@pytest.mark.parametrize(
    ("topic", "payload", "reason"),
    [
        ("unknown", "{}", "no handler for the topic unknown"),
        ("validates", "{", "the payload is not JSON"),
        ("validates", "[]", "the payload is not a JSON object"),
        ("validates", '{"number": "secret"}', "number: Input should be a valid integer"),
        ("rejects", "{}", "gone"),
    ],
)
async def test_what_can_never_succeed_is_dead_at_once(
    bench: Bench, topic: str, payload: str, reason: str
) -> None:
    queue = bench.queue({"validates": validate, "rejects": reject})
    now = datetime.now(UTC)
    async with bench.database.unit_of_work() as work:
        stored = StoredMessage(new_uuid(), topic, 1, payload, "r", "", now, 0, None, None)
        await queue.outbox.append(work, stored)
    async with working(queue):
        await eventually(done(bench, "dead"))
    (dead,) = await queue.outbox.list_dead(DeadFilter(), 10)
    assert dead.attempts == 1
    assert reason in (dead.last_error or "")
    assert "secret" not in (dead.last_error or "")


async def test_a_message_that_kills_its_workers_is_dead_in_the_end(bench: Bench) -> None:
    queue = bench.queue({"test": recording}, queue_max_attempts=3)
    await bench.publish(queue, "test", what="never")
    for _ in range(3):  # Three workers claim it, and are not heard of again.
        await queue.outbox.claim([UUID(str(row.id)) for row in await bench.rows()], lease=0)
    async with working(queue):
        await eventually(done(bench, "dead"))
    assert await bench.effects() == []


async def test_an_attempt_that_hangs_is_given_up(bench: Bench) -> None:
    async def hangs_once(delivery: Delivery) -> None:
        if delivery.attempt == 1:
            await asyncio.sleep(60)

    queue = bench.queue({"test": hangs_once}, queue_handler_timeout_seconds=0.1)
    await bench.publish(queue, "test")
    async with working(queue):
        await eventually(done(bench))
    assert [row.attempts for row in await bench.rows()] == [2]


async def test_the_lease_of_a_slow_attempt_is_renewed(bench: Bench) -> None:
    attempts: list[int] = []

    async def slow(delivery: Delivery) -> None:
        attempts.append(delivery.attempt)
        await asyncio.sleep(0.6)
        await recording(delivery)

    queues = [bench.queue({"test": slow}, queue_lease_seconds=0.2) for _ in range(2)]
    await bench.publish(queues[0], "test", what="once")
    async with working(*queues):
        await eventually(done(bench))
    assert attempts == [1]


async def test_an_overtaken_attempt_has_no_effect(bench: Bench) -> None:
    """A worker that froze for longer than its lease comes back after another has taken over."""
    began, resumed = asyncio.Event(), asyncio.Event()

    async def freezes_first(delivery: Delivery) -> None:
        if delivery.attempt == 1:
            began.set()
            await resumed.wait()
        async with delivery.effect() as work:
            await record(work, f"attempt {delivery.attempt}")

    queue = bench.queue({})
    deliverer = Deliverer(queue.settings, bench.database, queue.outbox, {"test": freezes_first})
    await bench.publish(queue, "test")
    message_ids = await queue.outbox.due(1, resend=60)
    (first,) = await queue.outbox.claim(message_ids, lease=0)
    frozen = asyncio.create_task(deliverer.deliver(first))
    await began.wait()
    (second,) = await queue.outbox.claim(message_ids, lease=60)
    assert await queue.outbox.claim(message_ids, lease=60) == []
    resumed.set()
    await frozen
    assert await bench.effects() == []
    assert not await queue.outbox.retry(first.id, first.attempts, 0, "error")
    assert not await queue.outbox.hand_back(first.id, first.attempts)
    assert not await queue.outbox.dead(first.id, first.attempts, "error")
    await deliverer.deliver(second)
    assert await bench.effects() == ["attempt 2"]
