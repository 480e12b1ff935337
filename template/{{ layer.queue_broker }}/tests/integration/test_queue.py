"""Every message has its effect once, whatever happens to its attempts."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from uuid import UUID

import pytest
from prometheus_client import REGISTRY
from pydantic import BaseModel

from app.errors import AppError, ErrorCode
from app.platform import telemetry
from app.platform.context import RequestContext, context, reset_context, set_context
from app.platform.ids import new_uuid
from app.platform.messages import Delivery, RejectedError
from app.queue.delivery import Deliverer
from app.queue.stored import DeadFilter, StoredMessage
from tests.support.bench import Bench, eventually, record, recording, working

pytestmark = pytest.mark.anyio


def done(bench: Bench, state: str = "done") -> Callable[[], Awaitable[bool]]:
    async def all_in_state() -> bool:
        return await bench.states() == {state}

    return all_in_state


async def test_three_deliveries_out_of_order_have_one_effect(bench: Bench) -> None:
    async def slow(delivery: Delivery) -> None:
        await asyncio.sleep(random.uniform(0, 0.01))
        await recording(delivery)

    queues = [bench.queue({"test": slow}) for _ in range(3)]
    for number in range(50):
        await bench.publish(queues[0], "test", what=f"{number:02}")
    deliveries = [UUID(str(row.id)) for row in await bench.rows()] * 3
    random.shuffle(deliveries)
    await queues[0].broker.publish(deliveries)
    async with working(*queues):
        await eventually(done(bench))
    assert await bench.effects() == [f"{number:02}" for number in range(50)]


async def test_nothing_leaves_a_transaction_that_is_rolled_back(bench: Bench) -> None:
    queue = bench.queue({"test": recording})

    async def publish_and_fail() -> None:
        async with bench.database.unit_of_work() as work:
            await queue.publish(work, "test", 1, {"what": "never"})
            raise ConnectionError

    with pytest.raises(ConnectionError):
        await publish_and_fail()
    assert await bench.rows() == []


async def test_a_payload_is_bounded_json(bench: Bench) -> None:
    queue = bench.queue({}, queue_max_payload_bytes=100)
    with pytest.raises(AppError) as refused:
        await bench.publish(queue, "test", text="x" * 100)
    assert refused.value.code is ErrorCode.PAYLOAD_TOO_LARGE
    with pytest.raises(ValueError, match="JSON"):
        await bench.publish(queue, "test", number=float("nan"))


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
    await bench.execute(
        "UPDATE outbox SET payload = '{\"what\": \"replayed\"}' WHERE topic = 'fails'"
    )
    queue = bench.queue(handlers)
    assert await queue.outbox.replay(DeadFilter(topic="fails")) == [dead.id]
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


async def test_the_request_id_and_the_trace_reach_the_handler(bench: Bench) -> None:
    seen: list[str] = []

    async def look(delivery: Delivery) -> None:
        seen.extend((context().request_id, telemetry.current_trace_ids()[0]))

    queue = bench.queue({"test": look})
    trace = "0af7651916cd43dd8448eb211c80319c"
    token = set_context(RequestContext(request_id="request-1"))
    with telemetry.span("test", traceparent=f"00-{trace}-b7ad6b7169203331-01"):
        await bench.publish(queue, "test")
    reset_context(token)
    async with working(queue):
        await eventually(done(bench))
    assert seen == ["request-1", trace]


async def test_the_handler_runs_within_a_deadline(bench: Bench) -> None:
    remaining: list[float | None] = []

    async def look(delivery: Delivery) -> None:
        remaining.append(context().remaining())

    queue = bench.queue({"test": look}, queue_handler_timeout_seconds=7)
    await bench.publish(queue, "test")
    async with working(queue):
        await eventually(done(bench))
    assert remaining[0] is not None
    assert 6 < remaining[0] <= 7


async def test_no_more_messages_are_in_progress_than_allowed(bench: Bench) -> None:
    running = most = 0

    async def count(delivery: Delivery) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.02)
        running -= 1

    queue = bench.queue({"test": count}, queue_concurrency=3)
    for _ in range(20):
        await bench.publish(queue, "test")
    async with working(queue):
        await eventually(done(bench))
    assert most == 3


async def test_a_worker_that_stops_finishes_what_has_begun(bench: Bench) -> None:
    began = asyncio.Event()

    async def slow(delivery: Delivery) -> None:
        began.set()
        await asyncio.sleep(0.3)
        await recording(delivery)

    queue = bench.queue({"test": slow})
    await bench.publish(queue, "test", what="finished")
    async with working(queue):
        await began.wait()
    assert await bench.effects() == ["finished"]
    assert await bench.states() == {"done"}


async def test_what_does_not_finish_in_the_grace_period_is_handed_back_uncounted(
    bench: Bench,
) -> None:
    began = asyncio.Event()

    async def endless(delivery: Delivery) -> None:
        began.set()
        await asyncio.sleep(60)

    queue = bench.queue({"test": endless}, queue_grace_period_seconds=0.1, queue_lease_seconds=60)
    await bench.publish(queue, "test", what="elsewhere")
    async with working(queue):
        await began.wait()
    assert [(row.state, row.attempts) for row in await bench.rows()] == [("pending", 0)]
    queue = bench.queue({"test": recording})
    async with working(queue):
        await eventually(done(bench), seconds=2)
    assert await bench.effects() == ["elsewhere"]


async def test_done_messages_go_after_their_retention(bench: Bench) -> None:
    queue = bench.queue({"test": recording}, queue_done_retention_seconds=0)
    await bench.publish(queue, "test", what="pruned")
    async with working(queue):
        await eventually(done(bench))

    async def pruned() -> bool:
        return await bench.rows() == []

    queue = bench.queue({}, queue_done_retention_seconds=0)
    async with working(queue):
        await eventually(pruned)


async def test_depth_and_age_are_measured(bench: Bench) -> None:
    queue = bench.queue({})
    await bench.publish(queue, "test")
    await bench.execute("UPDATE outbox SET state = 'dead'")
    await bench.publish(queue, "test")
    await bench.publish(queue, "test")
    depth = await queue.depth()
    assert (depth["pending"], depth["dead"]) == (2, 1)
    assert 0 < depth["oldest_message_age_seconds"] < 5
    await queue.start()

    async def measured() -> bool:
        return REGISTRY.get_sample_value("queue_depth", {"state": "pending"}) == 2

    await eventually(measured)
    await queue.aclose()
    assert REGISTRY.get_sample_value("queue_depth", {"state": "dead"}) == 1
