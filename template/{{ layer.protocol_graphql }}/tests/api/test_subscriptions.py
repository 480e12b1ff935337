"""Operations by WebSocket, as graphql-transport-ws has them."""

import signal
import time
from collections.abc import Callable, Iterator
from uuid import UUID, uuid4

import httpx2
import pytest

from tests.support.accounts import sign_in
from tests.support.graphql import CANCEL, CREATE, PLACE, UPDATE, create, run
from tests.support.orders import order_draft
from tests.support.service import Service, seconds_until_true
from tests.support.sockets import CHANGES, SUBSCRIBED, Socket, await_measure, code, socket_of


@pytest.fixture(scope="module")
def client(sockets: Service, credentials: dict[str, str]) -> Iterator[httpx2.Client]:
    with sockets.client(headers=credentials) as made:
        yield made


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
    sockets: Service, client: httpx2.Client, credentials: dict[str, str]
) -> None:
    order = create(client)["id"]
    with socket_of(sockets) as socket:
        socket.initialise(credentials)
        socket.subscribe("one", CHANGES, id=order)
        await_measure(client, "graphql_subscriptions", 1)
    await_measure(client, "graphql_subscriptions", 0)
    await_measure(client, "graphql_sockets", 0)


def test_an_id_in_use_closes_the_socket(socket: Socket, client: httpx2.Client) -> None:
    order = create(client)["id"]
    for _ in range(2):
        socket.subscribe("one", CHANGES, id=order)
    assert socket.closed_with()[0] == 4409


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


def test_an_operation_on_a_socket_is_a_request_of_its_own(
    sockets: Service, credentials: dict[str, str]
) -> None:
    request_id = uuid4().hex
    with socket_of(sockets, additional_headers={"X-Request-ID": request_id}) as socket:
        socket.initialise(credentials)
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
    sockets: Service, credentials: dict[str, str]
) -> None:
    request_id = uuid4().hex
    with socket_of(sockets, additional_headers={"X-Request-ID": request_id}) as socket:
        socket.initialise(credentials)
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
    credentials = sign_in(service)
    with socket_of(service) as socket, service.client(headers=credentials) as client:
        socket.initialise(credentials)
        socket.subscribe("one", CHANGES, id=create(client)["id"])
        time.sleep(SUBSCRIBED)
        service.send_signal(signal.SIGTERM)
        assert socket.closed_with()[0] == 1012
    assert service.process.wait(5) == 0
    assert not service.logs(level="error")
