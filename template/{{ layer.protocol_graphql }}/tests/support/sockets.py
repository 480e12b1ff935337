"""Operations by WebSocket."""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx2
from websockets.sync.client import ClientConnection, connect

from tests.support.service import Service

PROTOCOL = "graphql-transport-ws"
# After so many seconds a subscription tells of what changes.
SUBSCRIBED = 0.7
CHANGES = "subscription ($id: ID!) { orderStatusChanged(id: $id) { id status version } }"


class Socket:
    """A connection, whose messages are objects."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    def send(self, **message: Any) -> None:
        self.connection.send(json.dumps(message))

    def receive(self, timeout: float = 5) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(self.connection.recv(timeout))
        return message

    def initialise(self, headers: Mapping[str, str]) -> None:
        """Prove who is calling, and await the acknowledgement."""
        self.send(type="connection_init", payload=dict(headers))
        assert self.receive() == {"type": "connection_ack"}

    def subscribe(self, number: str, query: str, **variables: Any) -> None:
        self.send(id=number, type="subscribe", payload={"query": query, "variables": variables})

    def closed_with(self, timeout: float = 5) -> tuple[int, str]:
        """The code and the reason with which the service closes it, whatever it sends before."""
        try:
            while True:
                self.connection.recv(timeout)
        except TimeoutError:
            raise AssertionError("the socket stays open") from None
        except ConnectionError:
            raise
        except Exception:  # noqa: BLE001, of websockets
            assert self.connection.close_code is not None
            return self.connection.close_code, self.connection.close_reason or ""


@contextmanager
def socket_of(service: Service, *subprotocols: str, **options: Any) -> Iterator[Socket]:
    """A new socket, not initialised yet."""
    url = service.url.replace("http", "ws", 1) + "/graphql"
    offered: Any = subprotocols or (PROTOCOL,)
    with connect(url, subprotocols=offered, proxy=None, **options) as connection:
        yield Socket(connection)


def failed_checks(client: httpx2.Client) -> float:
    """How many times credentials could not be checked since the service began."""
    failed = 'auth_events_total{event="authenticate",outcome="dependency_unavailable"} '
    lines = client.get("/metrics").text.splitlines()
    return sum(float(line.removeprefix(failed)) for line in lines if line.startswith(failed))


def code(message: dict[str, Any]) -> str:
    """The code of an error."""
    assert message["type"] == "error", message
    found: str = message["payload"][0]["extensions"]["code"]
    return found


def measured(client: httpx2.Client, name: str) -> float:
    """What a metric without labels says."""
    (line,) = (it for it in client.get("/metrics").text.splitlines() if it.startswith(f"{name} "))
    return float(line.rpartition(" ")[2])


def await_measure(client: httpx2.Client, name: str, value: float) -> None:
    """Wait until a metric has come to a value."""
    limit = time.monotonic() + 5
    while measured(client, name) != value:
        assert time.monotonic() < limit, f"{name} is {measured(client, name)}"
        time.sleep(0.05)
