"""Messages on their way, and the worker that handles them."""

import asyncio
import random
from uuid import UUID

import pytest
from prometheus_client import REGISTRY

from app.errors import AppError, ErrorCode
from app.platform import telemetry
from app.platform.context import RequestContext, context, reset_context, set_context
from app.platform.messages import Delivery
from tests.support.bench import Bench, done, eventually, recording, working

pytestmark = pytest.mark.anyio


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
    full = asyncio.Event()

    async def count(delivery: Delivery) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        if running == 3:
            full.set()
        await full.wait()
        # Time enough for a fourth one to begin, if that were allowed.
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
    await bench.alter(state="dead")
    await bench.publish(queue, "test")
    await bench.publish(queue, "test")
    depth = await queue.depth()
    assert (depth["pending"], depth["dead"]) == (2, 1)
    assert 0 < depth["oldest_message_age_seconds"] < 5
    await queue.start()

    async def measured() -> bool:
        states = ("pending", "dead")
        found = [REGISTRY.get_sample_value("queue_depth", {"state": state}) for state in states]
        return found == [2, 1]

    await eventually(measured)
    await queue.aclose()
