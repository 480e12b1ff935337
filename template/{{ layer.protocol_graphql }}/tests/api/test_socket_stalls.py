"""Clients of WebSockets that do not read, and handshakes that cannot be answered by one."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.raw import connect, exchange
from tests.support.service import Service, running_service

HEAD = (
    b"GET /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    b"Sec-WebSocket-Protocol: graphql-transport-ws\r\n"
)
# Masked, as all that clients send, with zeroes.
PING = b"\x89\xfd\x00\x00\x00\x00" + b"x" * 125
MOST_BYTES = 64 * 1024 * 1024


@pytest.fixture(scope="module")
def impatient(environment: dict[str, str], scratch: Path) -> Iterator[Service]:
    changes = {"HTTP_RECEIVE_TIMEOUT_SECONDS": "1", "GRAPHQL_MAX_SOCKETS": "1"}
    with running_service(environment, scratch, changes=changes) as service:
        yield service


def sent_until_blocked(connection: socket.socket) -> int:
    """How many bytes of pings the service takes while nobody reads its answers."""
    sent = 0
    connection.settimeout(0.5)
    while sent < MOST_BYTES:
        try:
            sent += connection.send(PING * 100)
        except TimeoutError:
            break
    return sent


def seconds_until_reset(connection: socket.socket) -> float:
    """How long the service keeps the connection."""
    began = time.monotonic()
    with suppress(ConnectionError):
        while time.monotonic() < began + 10:
            with suppress(TimeoutError):
                connection.send(PING)
    return time.monotonic() - began


def test_a_client_that_reads_no_answers_is_neither_heard_nor_kept(impatient: Service) -> None:
    with connect(impatient) as connection:
        connection.sendall(HEAD + b"\r\n")
        assert connection.recv(4096).startswith(b"HTTP/1.1 101 ")
        assert sent_until_blocked(connection) < MOST_BYTES
        assert seconds_until_reset(connection) < 10
    # Its place is free again.
    with connect(impatient) as connection:
        connection.sendall(HEAD + b"\r\n")
        assert connection.recv(4096).startswith(b"HTTP/1.1 101 ")


@pytest.mark.parametrize(
    "more",
    [
        b"Cookie: a=" + b"x" * 9000 + b"\r\n",
        b"".join(b"X-%d: x\r\n" % number for number in range(130)),
        b"Origin: https://one.example\r\nOrigin: https://two.example\r\n",
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
        b"Sec-WebSocket-Protocol: a b,,(\r\n",
    ],
)
def test_a_handshake_that_is_none_is_refused_in_the_error_shape(
    impatient: Service, more: bytes
) -> None:
    refused = exchange(impatient, HEAD + more + b"\r\n")
    assert refused.status == 400
    error = json.loads(refused.body)["error"]
    assert error["code"] == "MALFORMED_REQUEST"
    assert refused.headers["x-request-id"] == error["request_id"]


def test_a_handshake_is_answered_with_the_id_of_its_request(impatient: Service) -> None:
    with connect(impatient) as connection:
        connection.sendall(HEAD + b"X-Request-ID: mine\r\n\r\n")
        assert b"\r\nx-request-id: mine\r\n" in connection.recv(4096).lower()
