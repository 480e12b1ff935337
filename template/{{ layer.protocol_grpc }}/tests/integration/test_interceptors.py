"""What the interceptors make of methods that fail, hang, or are given up."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from app.auth.access import public
from app.bootstrap import Service, build_service
from app.errors import AppError
from app.features.orders.store import OrderStore
from app.platform.ids import new_uuid
from app.proto.orders.v1 import orders_pb2
from app.proto.orders.v1.orders_pb2_grpc import (
    OrderServiceServicer,
    OrderServiceStub,
    add_OrderServiceServicer_to_server,
)
from app.settings import Settings
from app.transport.calls import Call, Rpc, ServicerContext
from app.transport.interceptors import interceptors
from app.transport.interceptors.streams import StreamInterceptor
from tests.support.calls import Refusal

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("lasting_loop")]

SECRET = "what nobody outside may read"
ONE = orders_pb2.GetOrderRequest(name="orders/0190b5a0-0000-7000-8000-000000000000")
ANY = orders_pb2.WatchOrdersRequest()


class Misbehaving(OrderServiceServicer):
    def __init__(self, service: Service) -> None:
        self._database = service.database
        self.busy = asyncio.Event()
        self.cancelled = asyncio.Event()

    @public
    async def GetOrder(self, request: object, context: ServicerContext) -> orders_pb2.Order:
        raise RuntimeError(SECRET)

    @public
    async def CancelOrder(self, request: object, context: ServicerContext) -> Any:
        return SECRET

    @public
    async def ListOrders(
        self, request: object, context: ServicerContext
    ) -> orders_pb2.ListOrdersResponse:
        try:
            async with self._database.unit_of_work() as work:
                await OrderStore(work).get(new_uuid())
                self.busy.set()
                await asyncio.sleep(30)
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        raise AssertionError("nobody waits that long")

    @public
    async def WatchOrders(
        self, request: orders_pb2.WatchOrdersRequest, context: ServicerContext
    ) -> AsyncIterator[orders_pb2.WatchOrdersResponse]:
        yield orders_pb2.WatchOrdersResponse()
        await asyncio.sleep(30 if request.name else 0.1)
        raise RuntimeError(SECRET)


class Running:
    """A server with the interceptors of the service around methods of the test's own."""

    def __init__(self, service: Service, streams: StreamInterceptor) -> None:
        self.service = service
        self.streams = streams
        self.methods = Misbehaving(service)  # type: ignore[abstract]
        self.server = grpc.aio.server(interceptors=[interceptors(service, streams)])
        add_OrderServiceServicer_to_server(self.methods, self.server)
        port = self.server.add_insecure_port("127.0.0.1:0")
        self.channel = grpc.aio.insecure_channel(f"127.0.0.1:{port}")
        self.stub = OrderServiceStub(self.channel)


@pytest.fixture
async def running(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Running]:
    for name, value in {**environment, "GRPC_TIMEOUT_SECONDS": "3"}.items():
        monkeypatch.setenv(name, value)
    service = build_service(Settings.load())
    authenticator = service.auth.authenticator
    made = Running(service, StreamInterceptor(authenticator, longest=0.4, check_every=10))
    async with service.running():
        await made.server.start()
        yield made
        await made.channel.close()
        await made.server.stop(0)


async def test_an_unforeseen_exception_is_told_of_without_its_text(running: Running) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await running.stub.GetOrder(ONE)
    refused = Refusal.of(raised.value)
    assert refused.status is grpc.StatusCode.INTERNAL
    assert (refused.code, refused.message) == ("INTERNAL_ERROR", "An unexpected error occurred")
    assert refused.request_id
    assert SECRET not in str(raised.value)
    assert "RuntimeError" not in str(raised.value)


async def test_nor_is_one_in_the_middle_of_a_stream(running: Running) -> None:
    call = running.stub.WatchOrders(ANY)
    assert dict(await call.initial_metadata())["x-request-id"]
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        assert [it async for it in call]
    assert Refusal.of(raised.value).code == "INTERNAL_ERROR"
    assert SECRET not in str(raised.value)


async def test_nor_is_an_answer_that_cannot_be_encoded(running: Running) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await running.stub.CancelOrder(orders_pb2.CancelOrderRequest(name=ONE.name))
    assert Refusal.of(raised.value).code == "INTERNAL_ERROR"
    assert "Error" not in str(raised.value.details())


async def test_a_message_that_never_comes_is_not_waited_for(running: Running) -> None:
    async def nothing() -> AsyncIterator[bytes]:
        await asyncio.sleep(30)
        yield b""

    for name in ("GetOrder", "WatchOrders"):
        path = f"/orders.v1.OrderService/{name}"
        begin: Any = running.channel.stream_stream(path)
        call = begin(nothing())
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            async with asyncio.timeout(10):
                assert [it async for it in call]
        assert Refusal.of(raised.value).code == "DEADLINE_EXCEEDED"


class Unwatchful(StreamInterceptor):
    async def _reason(self, call: Call, rpc: Rpc) -> AppError:
        raise RuntimeError(SECRET)


async def test_a_stream_that_cannot_be_watched_over_ends(running: Running) -> None:
    streams = Unwatchful(running.service.auth.authenticator, longest=60, check_every=60)
    other = Running(running.service, streams)
    await other.server.start()
    request = orders_pb2.WatchOrdersRequest(name=ONE.name)
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        assert [it async for it in other.stub.WatchOrders(request, timeout=10)]
    await other.channel.close()
    await other.server.stop(0)
    assert Refusal.of(raised.value).code == "INTERNAL_ERROR"
    assert SECRET not in str(raised.value)


async def test_a_call_that_is_given_up_stops_its_work_in_the_database(running: Running) -> None:
    call = running.stub.ListOrders(orders_pb2.ListOrdersRequest())
    async with asyncio.timeout(10):
        await running.methods.busy.wait()
        # What the tests before have given up may take a moment to end.
        while running.service.database.pool_status().used > 1:
            await asyncio.sleep(0.01)
    call.cancel()
    async with asyncio.timeout(2):
        await running.methods.cancelled.wait()
        while running.service.database.pool_status().used:
            await asyncio.sleep(0.01)


async def test_a_deadline_of_the_client_stops_the_work_too(running: Running) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await running.stub.ListOrders(orders_pb2.ListOrdersRequest(), timeout=0.3)
    assert raised.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    async with asyncio.timeout(2):
        await running.methods.cancelled.wait()
        while running.service.database.pool_status().used:
            await asyncio.sleep(0.01)


async def test_streams_end_when_the_server_stops_and_none_begins(running: Running) -> None:
    begun = running.stub.WatchOrders(ANY)
    await begun.initial_metadata()
    running.streams.stop()
    for stream in (begun, running.stub.WatchOrders(ANY)):
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            assert [it async for it in stream]
        refused = Refusal.of(raised.value)
        assert refused.status is grpc.StatusCode.UNAVAILABLE
        assert (refused.code, refused.message) == ("OVERLOADED", "The service is stopping")
