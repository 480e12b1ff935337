"""The client module against the service, and against servers that fail."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
import pytest

from app.client import CallError, ClientOptions, OrdersClient
from app.client.channel import TokenSource
from app.client.orders import Order, OrderLine
from app.platform.context import RequestContext, reset_context, set_context
from app.platform.telemetry import current_traceparent, span
from app.proto.orders.v1.orders_pb2_grpc import (
    OrderServiceServicer,
    add_OrderServiceServicer_to_server,
)
from app.transport.calls import ServicerContext
from tests.support.accounts import sign_in
from tests.support.calls import target
from tests.support.service import Service

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("lasting_loop")]

LINE = OrderLine(sku="TEA-001", quantity=2, unit_price="4.50")
NAME = "orders/0190b5a0-0000-7000-8000-000000000000"
HASTY = ClientOptions(first_pause=0.01, longest_pause=0.02)


@pytest.fixture
async def orders(service: Service) -> AsyncIterator[OrdersClient]:
    _, token = sign_in(service)["Authorization"].split()

    async def give() -> str:
        return token

    async with OrdersClient(target(service), token=give) as client:
        yield client


async def test_an_order_from_draft_to_cancellation(orders: OrdersClient) -> None:
    draft = await orders.create("PO-1", "EUR", [LINE])
    draft.customer_reference = "PO-2"
    changed = await orders.update(draft, "customer_reference")
    assert (await orders.get(draft.name)).customer_reference == "PO-2"
    placed = await orders.place(changed.name)
    assert [order.name async for order in orders.list(Order.STATE_PLACED)] == [placed.name]
    assert (await orders.cancel(placed.name, placed.etag)).state == Order.STATE_CANCELLED
    watching = orders.watch(draft.name)
    assert (await anext(watching)).state == Order.STATE_CANCELLED
    await watching.aclose()  # type: ignore[attr-defined]


async def test_every_page_of_a_list_is_read(orders: OrdersClient) -> None:
    made = [(await orders.create(f"PO-{number}", "EUR", [LINE])).name for number in range(5)]
    assert [order.name async for order in orders.list(page_size=2)] == made[::-1]


async def test_errors_come_with_code_faults_and_request_id(orders: OrdersClient) -> None:
    with pytest.raises(CallError) as raised:
        await orders.create("", "euro", [])
    error = raised.value
    assert error.status is grpc.StatusCode.INVALID_ARGUMENT
    assert error.code == "VALIDATION_ERROR"
    assert {fault.field for fault in error.details} == {
        "order.customer_reference",
        "order.currency",
        "order.lines",
    }
    assert error.request_id
    assert error.retry_after is None
    assert str(error).startswith("VALIDATION_ERROR: ")


async def test_a_key_of_ones_own_makes_calls_the_same(orders: OrdersClient) -> None:
    first = await orders.create("PO-1", "EUR", [LINE], key="mine")
    assert await orders.create("PO-1", "EUR", [LINE], key="mine") == first


class Flaky(OrderServiceServicer):
    """Answers, or fails as it is told to; it notes what calls carry."""

    def __init__(self) -> None:
        self.failures = 0
        self.status = grpc.StatusCode.UNAVAILABLE
        self.pause = 0.0
        self.metadata: list[dict[str, str | bytes]] = []
        self.remaining: list[float] = []

    async def answer(self, request: object, context: ServicerContext) -> Order:
        self.metadata.append(dict(context.invocation_metadata() or ()))
        self.remaining.append(context.time_remaining())
        await asyncio.sleep(self.pause)
        if self.failures:
            self.failures -= 1
            await context.abort(self.status, "failed")
        return Order(name=NAME)

    GetOrder = CreateOrder = CancelOrder = answer


@asynccontextmanager
async def flaky(
    options: ClientOptions = HASTY, token: TokenSource | None = None
) -> AsyncIterator[tuple[Flaky, OrdersClient]]:
    server, methods = grpc.aio.server(), Flaky()  # type: ignore[abstract]
    add_OrderServiceServicer_to_server(methods, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with OrdersClient(f"127.0.0.1:{port}", token=token, options=options) as client:
            yield methods, client
    finally:
        await server.stop(0)


@pytest.mark.parametrize("status", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED])
async def test_what_may_be_repeated_is_tried_again(status: grpc.StatusCode) -> None:
    async with flaky() as (service, client):
        service.failures, service.status = 2, status
        assert (await client.get(NAME)).name == NAME
        assert len(service.metadata) == 3
        service.metadata.clear()
        service.failures = 2
        await client.create("PO-1", "EUR", [LINE])
        keys = {sent["idempotency-key"] for sent in service.metadata}
        assert (len(service.metadata), len(keys)) == (3, 1)


async def test_what_may_not_be_repeated_is_not() -> None:
    async with flaky() as (service, client):
        service.failures = 1
        with pytest.raises(CallError) as raised:
            await client.cancel(NAME)
        assert raised.value.status is grpc.StatusCode.UNAVAILABLE
        assert len(service.metadata) == 1
        service.failures, service.status = 1, grpc.StatusCode.ABORTED
        with pytest.raises(CallError):
            await client.get(NAME)
        assert len(service.metadata) == 2


async def test_nothing_is_repeated_where_one_attempt_is_all() -> None:
    async with flaky(ClientOptions(attempts=1)) as (service, client):
        assert (await client.get(NAME)).name == NAME
        service.failures = 1
        with pytest.raises(CallError):
            await client.get(NAME)
        assert len(service.metadata) == 2


async def test_metadata_that_cannot_be_sent_is_an_error_of_the_call() -> None:
    token = "token\n"

    async def give() -> str:
        return token

    async with flaky(token=give) as (service, client):
        # As a file has it that ends with its line.
        assert (await client.get(NAME)).name == NAME
        assert service.metadata[0]["authorization"] == "Bearer token"
        with pytest.raises(CallError) as raised:
            await client.create("PO-1", "EUR", [LINE], key="schlüssel")
        assert raised.value.status is grpc.StatusCode.INTERNAL
        token = "geheimnisträger"
        for call in (client.get(NAME), anext(client.watch())):
            with pytest.raises(CallError) as raised:
                await call
            assert raised.value.status is grpc.StatusCode.INTERNAL
            assert token not in str(raised.value)
        assert len(service.metadata) == 1


async def test_an_open_breaker_spares_the_service_until_it_is_back() -> None:
    options = ClientOptions(attempts=2, first_pause=0.01, breaker_failures=2, breaker_reset=0.3)
    async with flaky(options) as (service, client):
        service.failures, service.status = 2, grpc.StatusCode.INTERNAL
        for _ in range(2):
            with pytest.raises(CallError):
                await client.get(NAME)
        for call in (client.get(NAME), anext(client.watch())):
            with pytest.raises(CallError) as raised:
                await call
            assert raised.value.code == "CIRCUIT_OPEN"
        assert len(service.metadata) == 2
        await asyncio.sleep(0.35)
        assert (await client.get(NAME)).name == NAME
        # What the caller got wrong says nothing of the service.
        service.failures, service.status = 4, grpc.StatusCode.NOT_FOUND
        for _ in range(4):
            with pytest.raises(CallError):
                await client.get(NAME)
        assert (await client.get(NAME)).name == NAME


async def test_a_call_ends_with_the_request_that_it_serves() -> None:
    async with flaky() as (service, client):
        await client.get(NAME)
        loop = asyncio.get_running_loop()
        token = set_context(RequestContext("the-request", deadline=loop.time() + 0.3))
        try:
            with span("serve", traceparent=""):
                trace_id = current_traceparent().split("-")[1]
                await client.get(NAME)
                service.pause = 5
                began = time.monotonic()
                with pytest.raises(CallError) as raised:
                    await client.get(NAME)
        finally:
            reset_context(token)
    assert time.monotonic() - began < 1
    assert raised.value.status is grpc.StatusCode.DEADLINE_EXCEEDED
    assert [
        0 < seconds <= limit
        for seconds, limit in zip(service.remaining, (10, 0.3, 0.3), strict=True)
    ]
    sent = service.metadata[1]
    assert sent["x-request-id"] == "the-request"
    assert trace_id in str(sent["traceparent"])


async def test_the_time_of_the_token_is_part_of_the_call() -> None:
    pause = 0.3

    async def give() -> str:
        await asyncio.sleep(pause)
        return "token"

    async with flaky(ClientOptions(timeout=1), give) as (service, client):
        await client.get(NAME)
        assert 0 < service.remaining[0] <= 0.7
        pause = 5
        began = time.monotonic()
        with pytest.raises(CallError) as raised:
            await client.get(NAME)
    assert time.monotonic() - began < 2
    assert raised.value.status is grpc.StatusCode.DEADLINE_EXCEEDED
    assert len(service.metadata) == 1
