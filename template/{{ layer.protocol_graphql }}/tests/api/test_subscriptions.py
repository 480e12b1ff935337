"""Operations by WebSocket, as graphql-transport-ws has them."""

import json
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from uuid import UUID, uuid4

import httpx2
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.support.accounts import sign_in
from tests.support.graphql import CANCEL, CREATE, PLACE, UPDATE, create, run
from tests.support.orders import order_draft
from tests.support.raw import exchange
from tests.support.service import Service, running_service, seconds_until_true
from tests.support.sockets import CHANGES, PROTOCOL, SUBSCRIBED, Socket, code, socket_of

SETTINGS = {
    "CORS_ORIGINS": "https://app.example.com",
    "GRAPHQL_INIT_TIMEOUT_SECONDS": "1",
    "GRAPHQL_RECHECK_SECONDS": "0.3",
    "GRAPHQL_MAX_OPERATIONS_PER_SOCKET": "3",
    "GRAPHQL_MAX_SUBSCRIPTIONS": "4",
    "GRAPHQL_MAX_SOCKETS": "6",
    "GRAPHQL_MAX_SOCKETS_PER_PRINCIPAL": "3",
    "LOG_LEVEL": "debug",
}


@pytest.fixture(scope="module")
def sockets(environment: dict[str, str], scratch: Path) -> Iterator[Service]:
    with running_service(environment, scratch, changes=SETTINGS) as service:
        yield service


@pytest.fixture(scope="module")
def headers(sockets: Service) -> dict[str, str]:
    return sign_in(sockets)


@pytest.fixture(scope="module")
def client(sockets: Service, headers: dict[str, str]) -> Iterator[httpx2.Client]:
    with sockets.client(headers=headers) as made:
        yield made


@pytest.fixture
def socket(sockets: Service, headers: dict[str, str]) -> Iterator[Socket]:
    with socket_of(sockets) as made:
        made.initialise(headers)
        yield made


def measured(client: httpx2.Client, name: str) -> float:
    (line,) = (it for it in client.get("/metrics").text.splitlines() if it.startswith(f"{name} "))
    return float(line.rpartition(" ")[2])


def await_measure(client: httpx2.Client, name: str, value: float) -> None:
    limit = time.monotonic() + 5
    while measured(client, name) != value:
        assert time.monotonic() < limit, f"{name} is {measured(client, name)}"
        time.sleep(0.05)


def test_each_change_of_the_status_is_told(socket: Socket, client: httpx2.Client) -> None:
    order = create(client)["id"]
    socket.subscribe("one", CHANGES, id=order)
    time.sleep(SUBSCRIBED)
    run(client, UPDATE, id=order, version=1, input={"customerReference": "x"})
    for mutation, status, version in ((PLACE, "PLACED", 3), (CANCEL, "CANCELLED", 4)):
        run(client, mutation, id=order)
        told = {"orderStatusChanged": {"id": order, "status": status, "version": version}}
        assert socket.receive() == {"id": "one", "type": "next", "payload": {"data": told}}


def test_a_subscription_ends_on_demand(socket: Socket, client: httpx2.Client) -> None:
    order = create(client)["id"]
    socket.subscribe("one", CHANGES, id=order)
    await_measure(client, "graphql_subscriptions", 1)
    socket.send(id="one", type="complete")
    await_measure(client, "graphql_subscriptions", 0)
    run(client, PLACE, id=order)
    # The id may be used again.
    socket.subscribe("one", "{ __typename }")
    assert socket.receive()["payload"] == {"data": {"__typename": "Query"}}


def test_a_subscription_ends_with_its_socket(
    sockets: Service, client: httpx2.Client, headers: dict[str, str]
) -> None:
    order = create(client)["id"]
    with socket_of(sockets) as socket:
        socket.initialise(headers)
        socket.subscribe("one", CHANGES, id=order)
        await_measure(client, "graphql_subscriptions", 1)
    await_measure(client, "graphql_subscriptions", 0)
    await_measure(client, "graphql_sockets", 0)


def test_queries_and_mutations_are_answered_too(socket: Socket, client: httpx2.Client) -> None:
    socket.subscribe("one", CREATE, input=order_draft(customerReference="PO 7"))
    answer = socket.receive()
    assert answer["type"] == "next"
    order = answer["payload"]["data"]["createOrder"]["order"]
    assert order["customerReference"] == "PO 7"
    assert socket.receive() == {"id": "one", "type": "complete"}
    assert run(client, "{ orders(first: 1) { nodes { id } } }")["nodes"][0]["id"] == order["id"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("{", "MALFORMED_REQUEST"),
        ("subscription { nonsense }", "VALIDATION_ERROR"),
        ("subscription { orderStatusChanged { id } }", "VALIDATION_ERROR"),
        ('subscription { orderStatusChanged(id: "x") { id } }', "VALIDATION_ERROR"),
        (f'subscription {{ orderStatusChanged(id: "{UUID(int=0)}") {{ id }} }}', "NOT_FOUND"),
        ("{ orders(first: 1000) { nodes { id } } }", "VALIDATION_ERROR"),
    ],
)
def test_what_cannot_be_is_told_with_its_code(socket: Socket, query: str, expected: str) -> None:
    socket.subscribe("one", query)
    message = socket.receive()
    assert code(message) == expected
    assert message["id"] == "one"
    socket.subscribe("one", "{ __typename }")
    assert socket.receive()["type"] == "next"


def test_somebody_elses_order_is_not_watched(sockets: Service, client: httpx2.Client) -> None:
    order = create(client)["id"]
    with socket_of(sockets) as socket:
        socket.initialise(sign_in(sockets))
        socket.subscribe("one", CHANGES, id=order)
        assert code(socket.receive()) == "NOT_FOUND"


def test_a_ping_is_answered(socket: Socket) -> None:
    for payload in ({}, {"payload": {"n": "x" * 900_000}}):
        socket.send(type="ping", **payload)
        assert socket.receive() == {"type": "pong"}
    socket.send(type="pong")


@pytest.mark.parametrize(
    "message", [{"type": "ping"}, {"type": "pong"}, {"type": "complete", "id": "one"}]
)
def test_a_socket_that_is_flooded_with_what_costs_nothing_is_closed(
    socket: Socket, message: dict[str, str]
) -> None:
    with suppress(ConnectionClosed):
        for _ in range(200):
            socket.send(**message)
    assert socket.closed_with() == (1008, "Too many messages")


def test_few_pings_are_answered_before_credentials(sockets: Service) -> None:
    with socket_of(sockets) as socket:
        for _ in range(10):
            socket.send(type="ping")
            assert socket.receive() == {"type": "pong"}
        socket.send(type="ping")
        assert socket.closed_with() == (1008, "Too many messages")


def test_an_operation_may_be_completed_by_both_sides(socket: Socket) -> None:
    for _ in range(200):
        socket.subscribe("one", "{ __typename }")
        assert [socket.receive()["type"] for _ in range(2)] == ["next", "complete"]
        socket.send(type="complete", id="one")


@pytest.mark.parametrize(
    ("messages", "closed"),
    [
        ([{"type": "subscribe", "id": "1", "payload": {"query": "{ __typename }"}}], 4401),
        ([{"type": "nonsense"}], 4400),
        ([{"type": 1}], 4400),
        ([{}], 4400),
        ([1], 4400),
        ([{"type": "connection_init", "payload": 1}], 4400),
        ([{"type": "connection_init"}], 4403),
        ([{"type": "connection_init", "payload": {"Authorization": "Bearer x"}}], 4403),
        ([{"type": "connection_init", "payload": {"Authorization": 1}}], 4403),
    ],
)
def test_a_socket_is_closed_for_what_comes_before_credentials(
    sockets: Service, messages: list[object], closed: int
) -> None:
    with socket_of(sockets) as socket:
        for message in messages:
            socket.connection.send(json.dumps(message))
        assert socket.closed_with()[0] == closed


@pytest.mark.parametrize(
    ("message", "closed"),
    [
        ('{"type": "connection_init"}', 4429),
        ('{"type": "subscribe", "id": "", "payload": {}}', 4400),
        ('{"type": "subscribe", "id": 1, "payload": {}}', 4400),
        ('{"type": "subscribe", "payload": {}}', 4400),
        ("{", 4400),
        ('{"type": "ping", "type": "ping"}', 4400),
        (b"{}", 4400),
    ],
)
def test_a_socket_is_closed_for_messages_that_are_none(
    socket: Socket, message: str | bytes, closed: int
) -> None:
    socket.connection.send(message)
    assert socket.closed_with()[0] == closed


@pytest.mark.parametrize("payload", [None, 1, [], {"query": 1}, {"variables": []}])
def test_a_payload_that_is_no_request_is_an_error(socket: Socket, payload: object) -> None:
    socket.send(id="one", type="subscribe", payload=payload)
    assert code(socket.receive()) == "MALFORMED_REQUEST"


def test_a_message_over_the_limit_closes_the_socket(socket: Socket) -> None:
    # The service may close it before all is sent, and what is left unread then cuts off its reason.
    with suppress(ConnectionClosed):
        socket.connection.send("x" * 2_000_000)
    assert socket.closed_with()[0] in {1006, 1009}


def test_an_id_in_use_closes_the_socket(socket: Socket, client: httpx2.Client) -> None:
    order = create(client)["id"]
    for _ in range(2):
        socket.subscribe("one", CHANGES, id=order)
    assert socket.closed_with()[0] == 4409


def test_credentials_may_come_with_the_handshake(sockets: Service, headers: dict[str, str]) -> None:
    with socket_of(sockets, additional_headers=headers) as socket:
        socket.initialise({})


def test_who_proves_nothing_in_time_is_cut_off(sockets: Service) -> None:
    began = time.monotonic()
    with socket_of(sockets) as socket:
        assert socket.closed_with() == (4408, "Connection initialisation timeout")
    assert 0.9 < time.monotonic() - began < 3


def test_other_subprotocols_are_refused(sockets: Service) -> None:
    with socket_of(sockets, "graphql-ws") as socket:
        assert socket.closed_with() == (4406, "Subprotocol not acceptable")
    with socket_of(sockets, "graphql-ws", PROTOCOL) as socket:
        assert socket.connection.subprotocol == PROTOCOL


def test_operations_on_a_socket_are_bounded(socket: Socket, client: httpx2.Client) -> None:
    orders = [create(client)["id"] for _ in range(4)]
    for number, order in enumerate(orders):
        socket.subscribe(str(number), CHANGES, id=order)
    message = socket.receive()
    assert message["id"] == "3"
    assert code(message) == "OVERLOADED"


def test_subscriptions_are_bounded_in_all(
    sockets: Service, client: httpx2.Client, headers: dict[str, str]
) -> None:
    await_measure(client, "graphql_subscriptions", 0)
    order = create(client)["id"]
    with socket_of(sockets) as one, socket_of(sockets) as two:
        for socket in (one, two):
            socket.initialise(headers)
        for socket, number in ((one, "1"), (one, "2"), (one, "3"), (two, "4")):
            socket.subscribe(number, CHANGES, id=order)
        await_measure(client, "graphql_subscriptions", 4)
        two.subscribe("5", CHANGES, id=order)
        assert code(two.receive()) == "OVERLOADED"


def test_sockets_are_bounded_in_all(sockets: Service, client: httpx2.Client) -> None:
    await_measure(client, "graphql_sockets", 0)
    held = [socket_of(sockets) for _ in range(6)]
    opened = [each.__enter__() for each in held]
    try:
        with pytest.raises(InvalidStatus) as refused, socket_of(sockets):
            pass
        assert refused.value.response.status_code == 503
        assert refused.value.response.headers["Retry-After"] == "1"
        assert b"OVERLOADED" in (refused.value.response.body or b"")
    finally:
        for each in held:
            each.__exit__(None, None, None)
    assert len(opened) == 6


def test_one_principal_does_not_take_all_sockets(
    sockets: Service, client: httpx2.Client, headers: dict[str, str]
) -> None:
    await_measure(client, "graphql_sockets", 0)
    with socket_of(sockets) as one, socket_of(sockets) as two:
        for socket in (one, two):
            socket.initialise(headers)
        with socket_of(sockets) as three:
            three.initialise(headers)
            with socket_of(sockets) as four:
                four.send(type="connection_init", payload=headers)
                assert four.closed_with() == (1013, "Too many connections of one principal")
            with socket_of(sockets) as other:
                other.initialise(sign_in(sockets))
        await_measure(client, "graphql_sockets", 2)
        with socket_of(sockets) as again:
            again.initialise(headers)


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("https://app.example.com", True),
        ("https://evil.example", False),
        ("null", False),
        ("https://[", False),
        ("https://app.example.com.evil.example", False),
    ],
)
def test_pages_of_other_origins_may_not_connect(
    sockets: Service, origin: str, allowed: bool
) -> None:
    if allowed:
        with socket_of(sockets, origin=origin):
            return
    with pytest.raises(InvalidStatus) as refused, socket_of(sockets, origin=origin):
        pass
    assert refused.value.response.status_code == 403
    assert b"FORBIDDEN" in (refused.value.response.body or b"")
    assert refused.value.response.headers["X-Request-ID"]


def test_pages_of_the_service_itself_may_connect(sockets: Service) -> None:
    with socket_of(sockets, origin=sockets.url):
        pass


def test_no_other_address_is_upgraded(sockets: Service) -> None:
    handshake = (
        b"GET %b HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: %b\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    refused = exchange(sockets, handshake % (b"/nowhere", b"13"))
    assert refused.status == 404
    assert refused.headers["x-request-id"] == json.loads(refused.body)["error"]["request_id"]
    assert exchange(sockets, handshake % (b"/health/live", b"13")).status == 200
    # Not the handshake of RFC 6455: an offer to upgrade that is declined.
    assert exchange(sockets, handshake % (b"/health/live", b"8")).status == 200


@pytest.mark.parametrize("host", [b"", b"Host: a\r\nHost: b\r\n"])
def test_a_handshake_for_no_host_is_refused_in_the_error_shape(
    sockets: Service, host: bytes
) -> None:
    handshake = (
        b"GET /graphql HTTP/1.1\r\n%bConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    refused = exchange(sockets, handshake % host)
    assert refused.status == 400
    assert refused.headers["x-request-id"] == json.loads(refused.body)["error"]["request_id"]


def test_an_operation_on_a_socket_is_a_request_of_its_own(
    sockets: Service, headers: dict[str, str], client: httpx2.Client
) -> None:
    request_id = uuid4().hex
    with socket_of(sockets, additional_headers={"X-Request-ID": request_id}) as socket:
        socket.initialise(headers)
        socket.subscribe("one", "query Mine { me { id } }")
        mine = socket.receive()["payload"]["data"]["me"]["id"]
        socket.receive()
        socket.subscribe("two", CREATE, input=order_draft())
        socket.receive()
    events = [
        event
        for event in sockets.logs(event="operation")
        if event["request_id"].startswith(f"{request_id}.")
    ]
    assert [event["operation"] for event in events] == ["me", "createOrder"]
    assert events[0]["operation_name"] == "Mine"
    assert events[0]["request_id"] != events[1]["request_id"]
    assert {event["principal"] for event in events} == {mine}
    assert events[0]["trace_id"] == events[1]["trace_id"]


def test_a_refused_operation_on_a_socket_is_logged(
    sockets: Service, headers: dict[str, str]
) -> None:
    request_id = uuid4().hex
    with socket_of(sockets, additional_headers={"X-Request-ID": request_id}) as socket:
        socket.initialise(headers)
        socket.subscribe("one", "{ nonsense }")
        refused = socket.receive()["payload"][0]["extensions"]
    (event,) = sockets.logs(event="operation refused", request_id=refused["request_id"])
    assert event["code"] == "VALIDATION_ERROR"
    assert event["route"] == "/graphql"
    seconds_until_true(lambda: bool(sockets.logs(event="request", request_id=request_id)))
    (event,) = sockets.logs(event="request", request_id=request_id)
    assert (event["route"], event["status"]) == ("/graphql", 101)


def test_a_stopping_service_tells_its_sockets_to_come_back(
    start_service: Callable[..., Service],
) -> None:
    service = start_service()
    headers = sign_in(service)
    with socket_of(service) as socket, service.client(headers=headers) as client:
        socket.initialise(headers)
        socket.subscribe("one", CHANGES, id=create(client)["id"])
        time.sleep(SUBSCRIBED)
        service.send_signal(signal.SIGTERM)
        assert socket.closed_with()[0] == 1012
    assert service.process.wait(5) == 0
    assert not service.logs(level="error")
