"""Answers that their client never reads, which gRPC's own clients cannot be made to do."""

import socket
import struct
import sys
from collections.abc import Callable
from contextlib import ExitStack

import httpx2
import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest

from app.proto.orders.v1 import orders_pb2
from tests.support.accounts import sign_in
from tests.support.calls import calling, health_stub, refusal
from tests.support.service import Service, seconds_until_true

LIST = "orders.v1.OrderService/ListOrders"
REFUSED = "rpc_server_refused_total{"
UNREAD = "rpc_server_unread_answers "
WATCHES = (
    'rpc_server_streams_total{rpc_method="grpc.health.v1.Health/Watch",'
    'rpc_response_status_code="CANCELLED"}'
)
ELSEWHERE = "127.0.0.2"
DATA, HEADERS, SETTINGS = 0, 1, 4
END_STREAM, END_HEADERS = 1, 4
INITIAL_WINDOW_SIZE = 4
CHECK = {
    ":method": "POST",
    ":scheme": "http",
    ":path": "/grpc.health.v1.Health/Check",
    ":authority": "service",
    "te": "trailers",
    "content-type": "application/grpc",
}


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    """A frame of HTTP/2."""
    return len(payload).to_bytes(3, "big") + struct.pack("!BBI", kind, flags, stream) + payload


def text(value: str) -> bytes:
    return bytes((len(value),)) + value.encode()


def checks(calls: int) -> bytes:
    """All that a client sends that asks for health so often, and lets nothing be answered."""
    headers = b"".join(b"\0" + text(name) + text(value) for name, value in CHECK.items())
    nothing_fits = struct.pack("!HI", INITIAL_WINDOW_SIZE, 0)
    sent = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(SETTINGS, 0, 0, nothing_fits)
    for stream in range(1, 2 * calls, 2):
        sent += frame(HEADERS, END_HEADERS, stream, headers)
        sent += frame(DATA, END_STREAM, stream, bytes(5))
    return sent


def measured(http: httpx2.Client, name: str) -> float:
    """The sum of the metrics whose lines begin so."""
    lines = http.get("/metrics").text.splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith(name))


@pytest.mark.skipif(sys.platform == "darwin", reason="has no second local address")
def test_an_address_that_reads_none_leaves_room_for_others(
    start_service: Callable[..., Service],
) -> None:
    service = start_service(GRPC_MAX_IN_FLIGHT="1", GRPC_MAX_STREAMS="1")
    address = ("127.0.0.1", int(service.environment["GRPC_PORT"]))
    with service.client() as http, calling(service) as client:
        with ExitStack() as connections:
            for _ in range(4):
                made = socket.create_connection(address, source_address=(ELSEWHERE, 0))
                connections.enter_context(made).sendall(checks(100))
            seconds_until_true(lambda: measured(http, REFUSED) + measured(http, UNREAD) >= 400)
            # Those in progress as the limit was reached are answered, too.
            seconds_until_true(lambda: 51 <= measured(http, UNREAD) <= 101)
            for _ in range(10):
                assert health_stub(client.channel).Check(HealthCheckRequest(), timeout=5).status
            asked = refusal(client.orders.ListOrders, orders_pb2.ListOrdersRequest())
            assert asked.code == "UNAUTHENTICATED"
        seconds_until_true(lambda: measured(http, UNREAD) == 0)


def test_calls_leave_none_behind_however_they_end(start_service: Callable[..., Service]) -> None:
    service = start_service(GRPC_MAX_STREAM_SECONDS="0.2")
    request, watch = orders_pb2.ListOrdersRequest(), orders_pb2.WatchOrdersRequest()
    with service.client() as http, calling(service, sign_in(service)) as client:
        client.orders.ListOrders(request)
        assert refusal(client.raw(LIST), b"?").code == "MALFORMED_REQUEST"
        assert refusal(client.orders.ListOrders, request, timeout=0.001).message
        assert refusal(client.orders.WatchOrders, watch).code == "DEADLINE_EXCEEDED"
        given_up = health_stub(client.channel).Watch(HealthCheckRequest())
        assert next(given_up).status
        given_up.cancel()
        seconds_until_true(lambda: measured(http, WATCHES) == 1)
        seconds_until_true(lambda: measured(http, UNREAD) == 0)
