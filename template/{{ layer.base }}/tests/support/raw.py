"""HTTP as bytes, for requests that no client library would send."""

import socket
import time
from http.client import HTTPResponse
from typing import NamedTuple
from urllib.parse import urlsplit

from tests.support.service import Service


class RawResponse(NamedTuple):
    """`closed` tells whether the server ended the connection after the response."""

    status: int
    headers: dict[str, str]
    body: bytes
    closed: bool


def connect(service: Service, timeout: float = 5) -> socket.socket:
    """A connection to its HTTP port."""
    address = urlsplit(service.url)
    assert address.hostname
    assert address.port
    return socket.create_connection((address.hostname, address.port), timeout)


def exchange(service: Service, request: bytes) -> RawResponse:
    """Send the bytes and read one response; raises `http.client.HTTPException` without one."""
    with connect(service) as connection:
        connection.sendall(request)
        response = HTTPResponse(connection)
        response.begin()
        body = response.read()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return RawResponse(response.status, headers, body, response.will_close)


def seconds_until_closed(connection: socket.socket, drip: bytes = b"", limit: float = 6) -> float:
    """How long the server keeps the connection while bytes drip in; `limit` if it outlasts that."""
    began = time.monotonic()
    connection.settimeout(0.1)
    while time.monotonic() - began < limit:
        try:
            if connection.recv(65_536) == b"":
                break
        except TimeoutError:
            pass
        except ConnectionError:
            break
        try:
            connection.sendall(drip)
        except ConnectionError:
            break
    return time.monotonic() - began
