"""Calls whose message never comes."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from threading import Event
from typing import Any

import pytest
from grpc_health.v1 import health_pb2

from app.proto.orders.v1 import orders_pb2
from app.transport.services import CONTRACT
from tests.support.accounts import sign_in
from tests.support.calls import Client, Metadata, Refusal, calling, health_stub, refusal
from tests.support.service import Service, seconds_until_true

EVERYTHING = orders_pb2.ListOrdersRequest()
CHECK = "grpc.health.v1.Health/Check"
LIST = "orders.v1.OrderService/ListOrders"
# Else channels to the same address share one connection.
SEPARATE: dict[str, Any] = {"grpc.use_local_subchannel_pool": 1}

Begin = Callable[..., Any]


@pytest.fixture
def begin() -> Iterator[Begin]:
    """Begins a call, of which the service gets to know nothing but the metadata."""
    never = Event()

    def begin(client: Client, method: str, metadata: Metadata | None = None) -> Any:
        call: Any = client.channel.stream_unary(f"/{method}")
        lower = [(name.lower(), value) for name, value in (metadata or {}).items()]
        return call.future(iter(never.wait, None), metadata=lower)

    yield begin
    never.set()


def code(call: Any, seconds: float = 15) -> str:
    """What the call is refused with, within so many seconds."""
    return Refusal.of(call.exception(timeout=seconds)).code


def test_they_hold_no_place_without_credentials(
    start_service: Callable[..., Service], begin: Begin
) -> None:
    service = start_service(GRPC_MAX_IN_FLIGHT="1", GRPC_MAX_STREAMS="1")
    with ExitStack() as clients:
        for _ in range(3):
            client = clients.enter_context(calling(service, **SEPARATE))
            calls = [begin(client, LIST) for _ in range(80)]
            # One at a time finds out that it has no credentials.
            assert {code(call) for call in calls} <= {"UNAUTHENTICATED", "OVERLOADED"}
        assert refusal(client.orders.ListOrders, EVERYTHING).code == "UNAUTHENTICATED"


def test_those_to_what_is_public_leave_room_for_others(
    start_service: Callable[..., Service], begin: Begin
) -> None:
    service = start_service(GRPC_MAX_IN_FLIGHT="1", GRPC_MAX_STREAMS="1")
    with ExitStack() as clients:
        calls = []
        for _ in range(3):
            client = clients.enter_context(calling(service, **SEPARATE))
            calls += [begin(client, CHECK) for _ in range(80)]
        # All that are not refused at once are waiting.
        ended = seconds_until_true(lambda: sum(call.done() for call in calls) >= len(calls) - 50)
        other = clients.enter_context(calling(service, **SEPARATE))
        for _ in range(10):
            request = health_pb2.HealthCheckRequest(service="live")
            assert health_stub(other.channel).Check(request, timeout=5).status
        assert refusal(other.orders.ListOrders, EVERYTHING).code == "UNAUTHENTICATED"
        assert ended < 1
        assert {code(call, 5) for call in calls} == {"OVERLOADED", "DEADLINE_EXCEEDED"}


def test_their_message_is_not_awaited_for_long(service: Service, begin: Begin) -> None:
    headers = sign_in(service)
    with calling(service) as client:
        methods = (CHECK, "grpc.health.v1.Health/Watch")
        public = [begin(client, method) for method in methods]
        methods = (LIST, "orders.v1.OrderService/WatchOrders")
        others = [begin(client, method, headers) for method in methods]
        assert {code(call, 4) for call in public} == {"DEADLINE_EXCEEDED"}
        assert {code(call, 7) for call in others} == {"DEADLINE_EXCEEDED"}


def test_every_method_has_a_deadline_by_default(
    start_service: Callable[..., Service], service: Service, begin: Begin
) -> None:
    hasty = start_service(GRPC_TIMEOUT_SECONDS="0.2", GRPC_MAX_STREAM_SECONDS="0.2")
    headers = sign_in(service, role="admin")
    files: list[Any] = [*CONTRACT, health_pb2.DESCRIPTOR]
    services = [found for file in files for found in file.services_by_name.values()]
    with calling(hasty) as client:
        calls = {
            method.full_name: begin(client, f"{found.full_name}/{method.name}", headers)
            for found in services
            for method in found.methods
        }
        told = {name: code(call, 1.5) for name, call in calls.items()}
    assert told == dict.fromkeys(calls, "DEADLINE_EXCEEDED")
