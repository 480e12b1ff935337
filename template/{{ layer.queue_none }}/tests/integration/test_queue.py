"""Without a queue a message is handled in its request: after the commit, for a limited time."""

import asyncio
import threading
import time
from collections.abc import Mapping

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from app.db import Database
from app.errors import AppError, ErrorCode
from app.http.settings import HttpSettings
from app.platform.context import RequestContext, context, reset_context, set_context
from app.platform.http_client import HttpClient, HttpClientSettings
from app.platform.messages import Delivery, Handler
from app.queue import Queue
from app.queue.settings import QueueSettings
from tests.support.receiver import Call, Reply, receiving

pytestmark = pytest.mark.anyio


def queue(database: Database, handlers: Mapping[str, Handler], **settings: float) -> Queue:
    return Queue(QueueSettings.model_validate(settings), database, handlers)


async def publish(database: Database, queue: Queue, topic: str, **payload: object) -> None:
    async with database.unit_of_work() as work:
        await queue.publish(work, topic, 1, payload)


def delivered(topic: str, outcome: str) -> float:
    labels = {"topic": topic, "outcome": outcome}
    return REGISTRY.get_sample_value("queue_deliveries_total", labels) or 0.0


async def test_the_handler_runs_after_the_commit_with_a_transaction_of_its_own(
    database: Database,
) -> None:
    seen: list[object] = []

    async def handle(delivery: Delivery) -> None:
        async with delivery.effect() as work:
            seen.extend((delivery.message.payload, delivery.message.version, delivery.attempt))
            assert work is not None
        seen.append(context().request_id == delivery.message.request_id)

    made = queue(database, {"handled": handle})
    async with database.unit_of_work() as work:
        await made.publish(work, "handled", 1, {"number": 1})
        assert seen == []
    assert seen[:3] == [{"number": 1}, 1, 1]
    assert delivered("handled", "done") == 1


async def test_nothing_happens_when_the_transaction_is_rolled_back(database: Database) -> None:
    seen: list[Delivery] = []

    async def handle(delivery: Delivery) -> None:
        seen.append(delivery)

    async def publish_and_fail() -> None:
        async with database.unit_of_work() as work:
            await queue(database, {"test": handle}).publish(work, "test", 1, {})
            raise ConnectionError

    with pytest.raises(ConnectionError):
        await publish_and_fail()
    assert seen == []


async def test_a_failure_is_logged_and_counted_and_does_not_fail_the_request(
    database: Database,
) -> None:
    async def fail(delivery: Delivery) -> None:
        raise ConnectionError("refused")

    with capture_logs() as logs:
        await publish(database, queue(database, {"failing": fail}), "failing")
    assert [log["event"] for log in logs] == ["message lost"]
    assert delivered("failing", "dead") == 1


async def test_a_handler_has_a_limited_time(database: Database) -> None:
    async def hang(delivery: Delivery) -> None:
        await asyncio.sleep(60)

    made = queue(database, {"hanging": hang}, queue_handler_timeout_seconds=0.1)
    started = time.monotonic()
    await publish(database, made, "hanging")
    assert time.monotonic() - started < 2
    assert delivered("hanging", "dead") == 1


async def test_a_destination_that_hangs_opens_its_breaker(database: Database) -> None:
    scale = 0.05
    client_defaults, queue_defaults = HttpClientSettings(), QueueSettings()
    http = HttpClient(
        client_defaults.model_copy(
            update={
                name: getattr(client_defaults, name) * scale
                for name in (
                    "http_client_connect_timeout_seconds",
                    "http_client_read_timeout_seconds",
                    "http_client_total_timeout_seconds",
                )
            }
        )
    )
    released = threading.Event()

    def hang(call: Call) -> Reply:
        released.wait(10)
        return Reply()

    with receiving(hang) as receiver:

        async def send(delivery: Delivery) -> None:
            await http.request("POST", receiver.url)

        timeout = queue_defaults.queue_handler_timeout_seconds * scale
        made = queue(database, {"sent": send}, queue_handler_timeout_seconds=timeout)
        try:
            for _ in range(client_defaults.http_client_breaker_failures + 1):
                await publish(database, made, "sent")
            assert len(receiver.calls) == client_defaults.http_client_breaker_failures
        finally:
            released.set()
            await http.aclose()


async def test_a_handler_has_time_for_a_call_and_its_request_for_the_handler() -> None:
    client, handler = HttpClientSettings(), QueueSettings().queue_handler_timeout_seconds
    call = client.http_client_connect_timeout_seconds + client.http_client_read_timeout_seconds
    assert call < handler < HttpSettings().http_request_timeout_seconds


async def test_a_handler_leaves_its_request_the_time_to_answer(database: Database) -> None:
    async def hang(delivery: Delivery) -> None:
        await asyncio.sleep(60)

    deadline = asyncio.get_running_loop().time() + 0.5
    token = set_context(RequestContext("short", deadline=deadline))
    try:
        async with asyncio.timeout_at(deadline):
            await publish(database, queue(database, {"long": hang}), "long")
    finally:
        reset_context(token)
    assert delivered("long", "dead") == 1


async def test_a_handler_that_is_cancelled_is_counted_and_logged(database: Database) -> None:
    begun = asyncio.Event()

    async def hang(delivery: Delivery) -> None:
        begun.set()
        await asyncio.sleep(60)

    publishing = asyncio.create_task(publish(database, queue(database, {"cut": hang}), "cut"))
    await begun.wait()
    with capture_logs() as logs:
        publishing.cancel()
        await asyncio.wait([publishing])
    assert publishing.cancelled()
    assert [log["event"] for log in logs] == ["message lost"]
    assert delivered("cut", "dead") == 1


async def test_a_payload_is_bounded_json(database: Database) -> None:
    made = queue(database, {}, queue_max_payload_bytes=100)
    with pytest.raises(AppError) as refused:
        await publish(database, made, "test", text="x" * 100)
    assert refused.value.code is ErrorCode.PAYLOAD_TOO_LARGE
    with pytest.raises(ValueError, match="JSON"):
        await publish(database, made, "test", number=float("nan"))
