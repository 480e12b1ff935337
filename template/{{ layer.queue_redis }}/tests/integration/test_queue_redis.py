"""A broker that is lost, frozen, flushed or restarted loses no message and keeps none."""

import asyncio
from collections.abc import Awaitable, Callable
from uuid import uuid4

import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs

from app.platform.ids import new_uuid
from app.platform.messages import Delivery
from app.queue import broker as broker_module
from app.queue.broker import Broker
from app.queue.settings import QueueSettings
from tests.support.bench import Bench, eventually, recording, working
from tests.support.valkey import Valkey

pytestmark = pytest.mark.anyio


def recorded(bench: Bench, count: int) -> Callable[[], Awaitable[bool]]:
    async def enough() -> bool:
        return await bench.effects() == sorted(str(number) for number in range(count))

    return enough


async def test_a_broker_that_is_away_holds_messages_up_and_loses_none(
    bench: Bench, valkey: Valkey
) -> None:
    queue = bench.queue({"test": recording}, broker_url=valkey.url)

    async def both_fail() -> bool:
        failing = [log["step"] for log in logs if log["event"] == "background step failing"]
        return sorted(failing) == ["queue_consumer", "queue_relay"]

    with capture_logs() as logs:
        async with working(queue):
            await bench.publish(queue, "test", what="0")
            await eventually(recorded(bench, 1))
            valkey.stop()
            await bench.publish(queue, "test", what="1")
            await eventually(both_fail)
            assert await bench.effects() == ["0"]
            valkey.start()
            await eventually(recorded(bench, 2), seconds=5)
    assert await both_fail()


async def test_a_frozen_broker_is_found_again(
    bench: Bench, valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker_module, "_TIMEOUT_SECONDS", 0.3)
    monkeypatch.setattr(broker_module, "_WAIT_SECONDS", 0.1)
    queue = bench.queue({"test": recording}, broker_url=valkey.url)
    async with working(queue):
        await bench.publish(queue, "test", what="0")
        await eventually(recorded(bench, 1))
        valkey.freeze()
        await bench.publish(queue, "test", what="1")
        await asyncio.sleep(0.6)
        valkey.thaw()
        await eventually(recorded(bench, 2), seconds=5)


async def test_what_a_broker_forgets_is_sent_again(bench: Bench, valkey: Valkey) -> None:
    started = asyncio.Event()
    resumed = asyncio.Event()

    async def waits(delivery: Delivery) -> None:
        started.set()
        await resumed.wait()
        await recording(delivery)

    queue = bench.queue({"test": waits}, broker_url=valkey.url, queue_concurrency=1)
    for number in range(5):
        await bench.publish(queue, "test", what=str(number))
    async with working(queue):
        await started.wait()
        async with Redis.from_url(valkey.url) as redis:
            await redis.flushall()
        resumed.set()
        await eventually(recorded(bench, 5), seconds=5)


async def test_the_stream_is_bounded_and_nothing_stays_pending(
    bench: Bench, valkey: Valkey
) -> None:
    settings = {"broker_url": valkey.url, "queue_name": uuid4().hex}
    broker = Broker(QueueSettings.model_validate(settings))
    assert await broker.receive(10) == []
    assert await broker.room() == 500
    published = [new_uuid() for _ in range(400)]
    await broker.publish(published)
    assert await broker.room() == 100
    received = [message_id for _ in range(40) for message_id in await broker.receive(10)]
    assert received == published
    assert await broker.room() == 500
    for _ in range(150):
        await broker.publish([new_uuid() for _ in range(100)])
    async with Redis.from_url(valkey.url, decode_responses=True) as redis:
        (stream,) = await redis.keys()
        assert await redis.xlen(stream) < 11_000
        (group,) = await redis.xinfo_groups(stream)
        assert (group["consumers"], group["pending"]) == (1, 0)
    assert await broker.room() == 0
    await broker.aclose()


async def test_entries_that_are_no_message_ids_are_passed_over(valkey: Valkey) -> None:
    broker = Broker(QueueSettings.model_validate({"broker_url": valkey.url}))
    message_id = new_uuid()
    async with Redis.from_url(valkey.url) as redis:
        await redis.xadd("app:messages", {"id": "1; DROP TABLE"})
        await redis.xadd("app:messages", {"other": "field"})
    await broker.publish([message_id])
    assert await broker.receive(10) == []
    assert await broker.receive(10) == [message_id]
    await broker.aclose()
