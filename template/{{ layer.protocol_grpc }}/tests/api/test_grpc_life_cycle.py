"""Health over gRPC, and how the server ends."""

import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)

from app.proto.orders.v1 import orders_pb2
from tests.support.accounts import sign_in
from tests.support.calls import Client, Refusal, calling, health_stub, refusal
from tests.support.orders import new_order
from tests.support.service import Service, run_command, running_service, seconds_until_true

SERVING, NOT_SERVING = HealthCheckResponse.SERVING, HealthCheckResponse.NOT_SERVING


def status(client: Client, service: str = "") -> int:
    """What the health service says."""
    answer: Any = health_stub(client.channel).Check(HealthCheckRequest(service=service), timeout=5)
    return int(answer.status)


@pytest.mark.parametrize("name", ["", "live", "orders.v1.OrderService", "audit.v1.AuditService"])
def test_each_service_tells_of_its_health(anonymous: Client, name: str) -> None:
    assert status(anonymous, name) == SERVING
    watch = health_stub(anonymous.channel).Watch(HealthCheckRequest(service=name), timeout=5)
    assert next(iter(watch)).status == SERVING


def test_the_health_of_all_is_told_at_once(anonymous: Client) -> None:
    # Its types leave out the messages.
    messages: Any = health_pb2
    answer = health_stub(anonymous.channel).List(messages.HealthListRequest(), timeout=5)
    assert {"", "live", "orders.v1.OrderService", "audit.v1.AuditService"} <= {*answer.statuses}
    assert {status.status for status in answer.statuses.values()} == {SERVING}


def test_the_health_of_an_unknown_service_is_unknown(anonymous: Client) -> None:
    health, request = health_stub(anonymous.channel), HealthCheckRequest(service="nothing")
    assert refusal(health.Check, request).status is grpc.StatusCode.NOT_FOUND
    watch = iter(health.Watch(request, timeout=5))
    assert next(watch).status == HealthCheckResponse.SERVICE_UNKNOWN


def test_the_contract_can_be_asked_for_outside_of_production(
    anonymous: Client, start_service: Callable[..., Service]
) -> None:
    found = ProtoReflectionDescriptorDatabase(anonymous.channel).get_services()
    assert "orders.v1.OrderService" in found
    with calling(start_service(GRPC_REFLECTION="false")) as client:
        method = client.raw("grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo")
        assert refusal(method, b"").status is grpc.StatusCode.UNIMPLEMENTED


def test_undecodable_questions_about_the_contract_are_refused_like_calls(
    anonymous: Client,
) -> None:
    method = anonymous.raw("grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo")
    refused = refusal(method, b"\xff")
    assert refused.status is grpc.StatusCode.INVALID_ARGUMENT
    assert refused.code == "MALFORMED_REQUEST"
    assert refused.message == "The message is not a grpc.reflection.v1alpha.ServerReflectionRequest"
    assert refused.request_id


def test_a_stopping_server_says_so_finishes_what_it_has_and_ends_well(
    start_service: Callable[..., Service],
) -> None:
    service = start_service(HTTP_DRAIN_DELAY_SECONDS="1")
    with calling(service, sign_in(service)) as client:
        told: list[int] = []

        def watch_health() -> None:
            try:
                told.extend(
                    answer.status
                    for answer in health_stub(client.channel).Watch(HealthCheckRequest())
                )
            except grpc.RpcError:
                told.append(-1)

        watching = threading.Thread(target=watch_health)
        watching.start()
        orders: Any = client.orders.WatchOrders(orders_pb2.WatchOrdersRequest(), timeout=30)
        assert orders.initial_metadata()
        assert status(client) == SERVING
        service.send_signal(signal.SIGTERM)
        assert seconds_until_true(lambda: status(client) == NOT_SERVING) < 0.5
        assert status(client, "live") == SERVING
        client.orders.CreateOrder(new_order())
        with pytest.raises(grpc.RpcError) as ended:
            list(orders)
        refused = Refusal.of(ended.value)
        assert refused.status is grpc.StatusCode.UNAVAILABLE
        assert refused.code == "OVERLOADED"
        assert service.process.wait(5) == 0
        watching.join(5)
        assert told in ([SERVING, NOT_SERVING], [SERVING, NOT_SERVING, -1])
    assert [event["event"] for event in service.logs()][-1] == "stopped"
    assert not service.logs(level="error")


def count(client: Client) -> int:
    """How many orders the caller has."""
    request, found = orders_pb2.ListOrdersRequest(page_size=100), 0
    while True:
        page = client.orders.ListOrders(request)
        found += len(page.orders)
        if not page.next_page_token:
            return found
        request.page_token = page.next_page_token


def test_calls_in_progress_are_finished_and_answered(
    start_service: Callable[..., Service], service: Service
) -> None:
    stopping = start_service()
    headers = sign_in(stopping)
    outcomes: list[str] = []
    with calling(stopping, headers) as client:

        def create() -> None:
            try:
                while True:
                    client.orders.CreateOrder(new_order(), timeout=10)
                    outcomes.append("OK")
            except grpc.RpcError as error:
                outcomes.append(Refusal.of(error).status.name)

        threads = [threading.Thread(target=create) for _ in range(4)]
        for thread in threads:
            thread.start()
        time.sleep(0.5)
        assert stopping.stop() == 0
        for thread in threads:
            thread.join(10)
    # What was begun is answered; what came too late was not begun, be it met by a closed door or
    # taken back from the server's queue.
    late = {"UNAVAILABLE", "CANCELLED"}
    assert {"OK"} < set(outcomes) <= {"OK", *late}
    with calling(service, headers) as client:
        assert count(client) == outcomes.count("OK")
    assert not stopping.logs(event="request", status="CANCELLED")


def test_the_health_follows_the_database(environment: dict[str, str], scratch: Any) -> None:
    nowhere = {"DATABASE_URL": unreachable(environment["DATABASE_URL"])}
    with (
        running_service(environment, scratch, changes=nowhere, ready="/health/live") as service,
        calling(service) as client,
    ):
        assert status(client) == NOT_SERVING
        assert status(client, "orders.v1.OrderService") == NOT_SERVING
        assert status(client, "live") == SERVING


def unreachable(url: str) -> str:
    """A database that is not there, on a server that is not either."""
    scheme, _, rest = url.partition("://")
    if scheme.startswith("sqlite"):
        return f"{scheme}:////nowhere/at/all.db"
    user = rest.rpartition("@")[0]
    return f"{scheme}://{user}@127.0.0.1:1/nothing"


def test_a_port_that_is_taken_is_one_clear_line(service: Service) -> None:
    port = service.environment["GRPC_PORT"]
    done = run_command("serve", env={**service.environment, "PORT": "0"}, check=False)
    assert done.returncode == 2
    fault = f"GRPC_PORT: cannot listen on 127.0.0.1:{port}: Address already in use"
    assert done.stderr == f"error: {fault}\n"


def test_one_port_for_both_is_one_clear_line(service: Service) -> None:
    env = {**service.environment, "GRPC_PORT": service.environment["PORT"]}
    done = run_command("serve", env=env, check=False)
    assert (done.returncode, done.stderr.splitlines()) == (
        2,
        ["error: GRPC_PORT: must not be PORT, which is for health and metrics"],
    )
