"""How big, how long and how many calls may be."""

import gzip
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import uuid4

import grpc
import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest

from app.proto.orders.v1 import orders_pb2
from tests.support.accounts import sign_in
from tests.support.calls import Refusal, answered, calling, health_stub, refusal
from tests.support.orders import line, new_order
from tests.support.service import Service, running_service

EVERYTHING = orders_pb2.ListOrdersRequest()
# Else channels to the same address share one connection.
SEPARATE: dict[str, Any] = {"grpc.use_local_subchannel_pool": 1}


@pytest.fixture(scope="module")
def limited(environment: dict[str, str], scratch: Path) -> Iterator[Service]:
    limits = {"GRPC_MAX_MESSAGE_BYTES": "10000", "GRPC_MAX_METADATA_BYTES": "4096"}
    with running_service(environment, scratch, changes=limits) as running:
        yield running


def big(size: int) -> orders_pb2.CreateOrderRequest:
    """A message of the size, which no rule of the contract allows."""
    return new_order(customer_reference="x" * size)


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
def test_a_message_over_the_limit_is_refused(
    limited: Service, compression: grpc.Compression
) -> None:
    with calling(limited, sign_in(limited)) as client:
        create = client.orders.CreateOrder
        assert refusal(create, big(9_000), compression=compression).code == "VALIDATION_ERROR"
        over = refusal(create, big(10_100), compression=compression)
        assert over.status is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert over.code == "PAYLOAD_TOO_LARGE"
        far_over = refusal(create, big(5_000_000), compression=compression)
        assert far_over.status is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert len(gzip.compress(big(5_000_000).SerializeToString())) < 10_000


def test_a_message_of_many_small_faults_does_not_hold_up_others(service: Service) -> None:
    lines = [orders_pb2.OrderLine()] * 200_000
    with calling(service, sign_in(service)) as client:
        # Clients take answers with much metadata by chance.
        for _ in range(10):
            refused = refusal(client.orders.CreateOrder, new_order(lines=lines), timeout=5)
            assert refused.fields[:2] == ["order.lines", "order.lines[0].sku"]
            assert len(refused.fields) > 30
        request = orders_pb2.UpdateOrderRequest(order=new_order(lines=lines).order)
        assert refusal(client.orders.UpdateOrder, request, timeout=5).code == "VALIDATION_ERROR"


def test_who_watches_health_leaves_room_for_calls(start_service: Callable[..., Service]) -> None:
    service = start_service(GRPC_MAX_STREAMS="1", GRPC_MAX_IN_FLIGHT="1")
    request = HealthCheckRequest()
    with ExitStack() as clients:
        watches = []
        for _ in range(3):
            client = clients.enter_context(calling(service, **SEPARATE))
            watches += [health_stub(client.channel).Watch(request, timeout=30) for _ in range(80)]
        refused = {Refusal.of(watch).code for watch in watches if ended(watch)}
        assert refused == {"OVERLOADED"}
        assert health_stub(client.channel).Check(request, timeout=5).status
        assert refusal(client.orders.ListOrders, EVERYTHING).code == "UNAUTHENTICATED"
        for watch in watches:
            watch.cancel()


def ended(watch: Any) -> bool:
    """Whether a watch ends before it tells of anything."""
    try:
        next(watch)
    except grpc.RpcError:
        return True
    return False


def test_who_may_not_call_learns_nothing_of_the_size(limited: Service) -> None:
    with calling(limited) as client:
        assert refusal(client.orders.CreateOrder, big(10_100)).code == "UNAUTHENTICATED"


def test_metadata_over_the_limit_is_refused(limited: Service) -> None:
    with calling(limited) as client:
        for size, code in ((3000, "UNAUTHENTICATED"), (9000, "RESOURCE_EXHAUSTED")):
            metadata = (("x-padding", "x" * size),)
            refused = refusal(client.orders.ListOrders, EVERYTHING, metadata=metadata)
            assert refused.status.name == code


def test_a_page_of_the_biggest_orders_is_answered(service: Service) -> None:
    lines = [line(sku="x" * 64, unit_price="999999999.99", quantity=10_000)] * 100
    with calling(service, sign_in(service)) as client:
        for _ in range(100):
            client.orders.CreateOrder(new_order(customer_reference="ü" * 64, lines=lines))
        page = client.orders.ListOrders(orders_pb2.ListOrdersRequest(page_size=100))
    assert len(page.orders) == 100


def test_more_calls_at_once_than_the_limit_are_refused(
    start_service: Callable[..., Service],
) -> None:
    service = start_service(GRPC_MAX_IN_FLIGHT="1")
    with calling(service, sign_in(service)) as client, ThreadPoolExecutor(16) as threads:

        def create(_: int) -> tuple[object, ...]:
            try:
                client.orders.CreateOrder(new_order())
            except grpc.RpcError as error:
                refused = Refusal.of(error)
                return refused.status.name, refused.code, refused.retry_seconds
            return ("OK",)

        outcomes = {*threads.map(create, range(200))}
        assert outcomes == {("OK",), ("UNAVAILABLE", "OVERLOADED", 1)}
        client.orders.ListOrders(EVERYTHING)
    with service.client() as http:
        assert http.get("/health/ready").status_code == 200


def test_rate_limits_are_told_and_kept(start_service: Callable[..., Service]) -> None:
    service = start_service(RATE_LIMIT_PRINCIPAL="2/minute")
    with calling(service, sign_in(service)) as client:
        _, told = answered(client.orders.ListOrders, EVERYTHING)
        assert (told["x-ratelimit-limit"], told["x-ratelimit-remaining"]) == ("2", "1")
        assert told["ratelimit"]
        client.orders.ListOrders(EVERYTHING)
        refused = refusal(client.orders.ListOrders, EVERYTHING)
        assert refused.status is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert refused.code == "RATE_LIMITED"
        assert refused.retry_seconds
        assert refused.metadata["x-ratelimit-remaining"] == "0"
        assert int(refused.metadata["grpc-retry-pushback-ms"]) == refused.retry_seconds * 1000


def test_the_limit_of_an_address_cannot_be_dodged(start_service: Callable[..., Service]) -> None:
    service = start_service(
        RATE_LIMIT_ADDRESS="2/minute", CACHE_KEY_PREFIX=f"test-dodged-{uuid4().hex}:"
    )
    codes = []
    for number in range(4):
        with calling(service, {"x-forwarded-for": f"203.0.113.{number}"}) as client:
            codes.append(refusal(client.orders.ListOrders, EVERYTHING).code)
    assert codes == ["UNAUTHENTICATED"] * 2 + ["RATE_LIMITED"] * 2


@pytest.mark.parametrize(
    ("limit", "asked"), [("GRPC_TIMEOUT_SECONDS", None), ("GRPC_MAX_TIMEOUT_SECONDS", 60)]
)
def test_a_call_ends_at_the_servers_limit_at_the_latest(
    start_service: Callable[..., Service], service: Service, limit: str, asked: float | None
) -> None:
    hasty = start_service(**{limit: "0.001"})
    with calling(hasty, sign_in(service)) as client:
        late = refusal(client.orders.CreateOrder, new_order(), timeout=asked)
        assert late.status is grpc.StatusCode.DEADLINE_EXCEEDED
        assert late.code == "DEADLINE_EXCEEDED"
        assert late.retry_seconds
        calls = client.raw("orders.v1.OrderService/ListOrders")
        assert refusal(calls, b"", timeout=asked).code == "DEADLINE_EXCEEDED"
