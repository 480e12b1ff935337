"""What opens and what closes a WebSocket, by graphql-transport-ws."""

import json

import pytest
from websockets.exceptions import InvalidStatus

from tests.support.raw import exchange
from tests.support.service import Service
from tests.support.sockets import PROTOCOL, Socket, code, socket_of


def test_a_ping_is_answered(socket: Socket) -> None:
    for payload in ({}, {"payload": {"n": "x" * 900_000}}):
        socket.send(type="ping", **payload)
        assert socket.receive() == {"type": "pong"}
    socket.send(type="pong")


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


def test_credentials_may_come_with_the_handshake(
    sockets: Service, credentials: dict[str, str]
) -> None:
    with socket_of(sockets, additional_headers=credentials) as socket:
        socket.initialise({})


def test_other_subprotocols_are_refused(sockets: Service) -> None:
    with socket_of(sockets, "graphql-ws") as socket:
        assert socket.closed_with() == (4406, "Subprotocol not acceptable")
    with socket_of(sockets, "graphql-ws", PROTOCOL) as socket:
        assert socket.connection.subprotocol == PROTOCOL


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
    assert not sockets.logs(level="error")


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
