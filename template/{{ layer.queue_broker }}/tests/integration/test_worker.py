"""The worker as a process: it confirms orders, drains, dies and is replaced."""

import json
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from typer.testing import CliRunner

from app.auth.principal import Principal, Role
from app.bootstrap import Service as Application
from app.bootstrap import build_service
from app.cli import cli
from app.features.orders.model import OrderDraft, OrderLine
from app.features.orders.store import OrderStore
from app.platform.context import RequestContext, set_context
from app.settings import Settings
from tests.support.receiver import Call, Receiver, Reply, receiving
from tests.support.service import Service, seconds_until

CUSTOMER = Principal("customer", "user", frozenset({Role.MEMBER}))
DRAFT = OrderDraft("reference", "EUR", (OrderLine("TEA-001", 1, Decimal("4.50")),))
StartWorker = Callable[..., Service]


class Shop:
    """The service without a transport, in a thread of its own, to place orders with."""

    def __init__(self, application: Application, portal: BlockingPortal) -> None:
        self._application = application
        self._portal = portal

    def place_order(self, request_id: str = "placing") -> UUID:
        async def place() -> UUID:
            set_context(RequestContext(request_id=request_id))
            created = await self._application.orders.create(CUSTOMER, DRAFT, None)
            await self._application.orders.place(CUSTOMER, created.order.id, None)
            return created.order.id

        return self._portal.call(place)

    def is_confirmed(self, order_id: UUID) -> bool:
        async def look() -> bool:
            async with self._application.database.unit_of_work(read_only=True) as work:
                return await OrderStore(work).is_confirmed(order_id)

        return self._portal.call(look)


@pytest.fixture
def shop(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    application = build_service(Settings.load())
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(application.running()),
    ):
        yield Shop(application, portal)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as running:
        yield running


@dataclass(frozen=True)
class Hold:
    """Whoever calls about orders that this request has placed waits until the event is set."""

    request_id: str
    released: threading.Event


@pytest.fixture
def hold(receiver: Receiver) -> Iterator[Hold]:
    hold = Hold(f"held-{uuid4().hex}", threading.Event())

    def answer(call: Call) -> Reply:
        # What another test has left in the queue must not keep the workers busy.
        if call.headers["x-request-id"] == hold.request_id:
            hold.released.wait(20)
        return Reply()

    receiver.answer = answer
    yield hold
    hold.released.set()


def webhooks_to(receiver: Receiver) -> dict[str, str]:
    return {
        "WEBHOOK_URL": receiver.url,
        "WEBHOOK_SECRET": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "WEBHOOK_ALLOW_PRIVATE": "true",
    }


def calls_about(order_id: UUID, receiver: Receiver) -> list[Call]:
    return [call for call in receiver.calls if str(order_id).encode() in call.body]


def eventually(condition: Callable[[], object]) -> None:
    limit = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < limit, "it has not happened in time"
        time.sleep(0.02)


def test_a_placed_order_is_confirmed_by_webhook(
    shop: Shop, start_worker: StartWorker, receiver: Receiver
) -> None:
    worker = start_worker(**webhooks_to(receiver))
    order_id = shop.place_order("request-7")
    eventually(lambda: shop.is_confirmed(order_id))
    (call,) = calls_about(order_id, receiver)
    assert call.headers["x-request-id"] == "request-7"
    assert call.headers["webhook-signature"].startswith("v1,")
    eventually(lambda: worker.logs(event="message handled", request_id="request-7"))
    (handled,) = worker.logs(event="message handled", request_id="request-7")
    assert (handled["outcome"], handled["topic"]) == ("done", "orders.placed")
    with worker.client() as client:
        metrics = client.get("/metrics").text
    assert 'queue_deliveries_total{outcome="done",topic="orders.placed"}' in metrics
    assert 'queue_depth{state="pending"}' in metrics


def test_a_worker_drains_and_a_second_signal_ends_it_at_once(
    shop: Shop, start_worker: StartWorker, receiver: Receiver, hold: Hold
) -> None:
    with ThreadPoolExecutor() as threads:
        starting = [threads.submit(start_worker, **webhooks_to(receiver)) for _ in range(2)]
    drained, impatient = (started.result() for started in starting)
    for _ in range(15):
        shop.place_order(hold.request_id)
    eventually(lambda: calls_in_progress(drained) > 0 and calls_in_progress(impatient) > 0)
    for worker in (drained, impatient):
        worker.send_signal(signal.SIGTERM)
        # Two signals that come before the first is handled would be one.
        with worker.client() as client:
            seconds_until(503, client, "/health/ready")
            assert client.get("/health/live").status_code == 200
    impatient.send_signal(signal.SIGTERM)
    assert impatient.process.wait(2) == 128 + signal.SIGTERM
    begun = calls_in_progress(drained)
    hold.released.set()
    assert drained.process.wait(10) == 0
    assert len(drained.logs(event="message handled")) >= begun > 0


def calls_in_progress(worker: Service) -> float:
    with worker.client() as client:
        metrics = client.get("/metrics").text
    return sum(map(float, re.findall(r"^bulkhead_in_flight{.*} (.*)$", metrics, re.MULTILINE)))


def test_the_messages_of_a_killed_worker_are_taken_over(
    shop: Shop, start_worker: StartWorker, receiver: Receiver, hold: Hold
) -> None:
    settings = {**webhooks_to(receiver), "QUEUE_LEASE_SECONDS": "1"}
    killed = start_worker(**settings)
    order_id = shop.place_order(hold.request_id)
    eventually(lambda: calls_about(order_id, receiver))
    killed.kill()
    hold.released.set()
    start_worker(**settings)
    eventually(lambda: shop.is_confirmed(order_id))
    calls = calls_about(order_id, receiver)
    assert len(calls) == 2
    assert len({call.headers["webhook-id"] for call in calls}) == 1


def test_dead_messages_are_listed_and_replayed(
    shop: Shop, start_worker: StartWorker, receiver: Receiver
) -> None:
    receiver.answer = lambda call: Reply(500)
    settings = {
        "QUEUE_MAX_ATTEMPTS": "2",
        "QUEUE_RETRY_BASE_SECONDS": "0.05",
        # Messages of other tests fail at this receiver too, and would open the breaker.
        "HTTP_CLIENT_BREAKER_FAILURES": "1000",
    }
    start_worker(**webhooks_to(receiver), **settings)
    order_id = shop.place_order("request-8")

    def command(*arguments: str, status: int = 0) -> str:
        done = CliRunner().invoke(cli, ["queue", "dead", *arguments])
        assert done.exit_code == status, done.output
        return done.stdout

    def dead() -> list[dict[str, Any]]:
        listed = json.loads(command("list", "--json"))
        return [one for one in listed if one["payload"].get("order_id") == str(order_id)]

    eventually(dead)
    (found,) = dead()
    assert found["last_error"] == "UndeliveredError: the webhook receiver answered 500"
    assert (found["topic"], found["attempts"]) == ("orders.placed", 2)
    assert found["request_id"] == "request-8"
    assert len(calls_about(order_id, receiver)) == 2
    assert found["id"] in command("list", "--topic", "orders.placed")
    assert command("list", "--topic", "other") == ""
    command("replay", status=2)
    command("replay", str(order_id), status=1)

    receiver.answer = lambda call: Reply()
    assert json.loads(command("replay", found["id"], "--json")) == {"replayed": [found["id"]]}
    eventually(lambda: shop.is_confirmed(order_id))
