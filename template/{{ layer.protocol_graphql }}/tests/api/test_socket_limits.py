"""How many WebSockets there may be, and what may come by each."""

import time
from collections.abc import Iterator
from contextlib import suppress

import httpx2
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.support.accounts import sign_in
from tests.support.graphql import create
from tests.support.service import Service
from tests.support.sockets import CHANGES, Socket, await_measure, code, socket_of


@pytest.fixture(scope="module")
def client(sockets: Service, credentials: dict[str, str]) -> Iterator[httpx2.Client]:
    with sockets.client(headers=credentials) as made:
        yield made


def test_operations_on_a_socket_are_bounded(socket: Socket, client: httpx2.Client) -> None:
    orders = [create(client)["id"] for _ in range(4)]
    for number, order in enumerate(orders):
        socket.subscribe(str(number), CHANGES, id=order)
    message = socket.receive()
    assert message["id"] == "3"
    assert code(message) == "OVERLOADED"


def test_subscriptions_are_bounded_in_all(
    sockets: Service, client: httpx2.Client, credentials: dict[str, str]
) -> None:
    await_measure(client, "graphql_subscriptions", 0)
    order = create(client)["id"]
    with socket_of(sockets) as one, socket_of(sockets) as two:
        for socket in (one, two):
            socket.initialise(credentials)
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
    sockets: Service, client: httpx2.Client, credentials: dict[str, str]
) -> None:
    await_measure(client, "graphql_sockets", 0)
    with socket_of(sockets) as one, socket_of(sockets) as two:
        for socket in (one, two):
            socket.initialise(credentials)
        with socket_of(sockets) as three:
            three.initialise(credentials)
            with socket_of(sockets) as four:
                four.send(type="connection_init", payload=credentials)
                assert four.closed_with() == (1013, "Too many connections of one principal")
            with socket_of(sockets) as other:
                other.initialise(sign_in(sockets))
        await_measure(client, "graphql_sockets", 2)
        with socket_of(sockets) as again:
            again.initialise(credentials)


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


def test_a_message_over_the_limit_closes_the_socket(socket: Socket) -> None:
    # The service may close it before all is sent, and what is left unread then cuts off its reason.
    with suppress(ConnectionClosed):
        socket.connection.send("x" * 2_000_000)
    assert socket.closed_with()[0] in {1006, 1009}


def test_who_proves_nothing_in_time_is_cut_off(sockets: Service) -> None:
    began = time.monotonic()
    with socket_of(sockets) as socket:
        assert socket.closed_with() == (4408, "Connection initialisation timeout")
    assert 0.9 < time.monotonic() - began < 3
