"""The rate limit is charged by the cost of what is asked for."""

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest

from tests.support.accounts import sign_in
from tests.support.graphql import codes, send
from tests.support.service import Service, running_service
from tests.support.sockets import socket_of

CHEAP = "{ me { id } }"
# 1 for the connection, and 3 for each of the orders: its edge, itself and its id.
DEAR = "{ orders(first: 100) { edges { node { id } } } }"


@pytest.fixture(scope="module")
def strict(environment: dict[str, str], scratch: Path) -> Iterator[Service]:
    """A service that gives each principal twenty requests, one of which pays for a cost of 70."""
    changes = {"RATE_LIMIT_PRINCIPAL": "20/hour", "GRAPHQL_COST_PER_REQUEST": "70"}
    with running_service(environment, scratch, changes=changes) as service:
        yield service


def left(response: httpx2.Response) -> int:
    return int(response.headers["X-RateLimit-Remaining"])


def test_an_operation_is_charged_for_once_and_by_its_cost(strict: Service) -> None:
    with strict.client(headers=sign_in(strict)) as client:
        assert left(send(client, CHEAP)) == 19
        assert left(send(client, DEAR)) == 14
        assert left(client.post("/graphql", json=[{"query": CHEAP}] * 3)) == 13
        assert left(client.post("/graphql", json=[{"query": DEAR}] * 2)) == 4
        refused = send(client, DEAR)
        assert refused.status_code == 429
        assert codes(refused) == ["RATE_LIMITED"]
        assert int(refused.headers["Retry-After"]) > 60
        # The request itself has been paid for, the rest of the cost has not.
        assert left(send(client, CHEAP)) == 2


def test_operations_of_a_socket_are_charged_for_alike(strict: Service) -> None:
    headers = sign_in(strict)
    with socket_of(strict) as socket, strict.client(headers=headers) as client:
        socket.initialise(headers)
        for number in ("1", "2", "3"):
            socket.subscribe(number, DEAR)
            assert socket.receive()["type"] == "next"
            assert socket.receive() == {"id": number, "type": "complete"}
        assert left(send(client, CHEAP)) == 4
        socket.subscribe("4", DEAR)
        refused = socket.receive()
        assert refused["type"] == "error"
        assert refused["payload"][0]["extensions"]["code"] == "RATE_LIMITED"
        assert refused["payload"][0]["extensions"]["retryable"] is True


def test_what_costs_more_than_can_be_saved_takes_all_that_is_there(
    start_service: Callable[..., Service],
) -> None:
    service = start_service(RATE_LIMIT_PRINCIPAL="10/hour", GRAPHQL_COST_PER_REQUEST="10")
    with service.client(headers=sign_in(service)) as client:
        response = send(client, DEAR)
        assert response.status_code == 200
        assert left(response) == 0
        assert send(client, CHEAP).status_code == 429


@pytest.mark.parametrize("query", ["{ nonsense }", "{", "{ orders(first: 1000) { nodes { id } } }"])
def test_an_operation_refused_on_a_socket_costs_one_request(strict: Service, query: str) -> None:
    headers = sign_in(strict)
    with socket_of(strict) as socket, strict.client(headers=headers) as client:
        socket.initialise(headers)
        for number in range(5):
            socket.subscribe(str(number), query)
            assert socket.receive()["type"] == "error"
        assert left(send(client, CHEAP)) == 14


def test_nothing_is_read_of_an_operation_that_nobody_pays_for(strict: Service) -> None:
    headers = sign_in(strict)
    with socket_of(strict) as socket, strict.client(headers=headers) as client:
        socket.initialise(headers)
        for _ in range(20):
            send(client, CHEAP)
        socket.subscribe("1", "{ nonsense }")
        assert socket.receive()["payload"][0]["extensions"]["code"] == "RATE_LIMITED"


def test_a_long_document_is_paid_for_when_it_is_new(strict: Service) -> None:
    # Seven tokens each.
    text = " ".join(f"query Q{number} {{ me {{ id }} }}" for number in range(50))
    with strict.client(headers=sign_in(strict)) as client:
        for name, rest in (("Q0", 16), ("Q1", 15)):
            body = {"query": text, "operationName": name}
            assert left(client.post("/graphql", json=body)) == rest
    with strict.client(headers=sign_in(strict)) as client:
        assert left(send(client, text.replace("id", "nonsense"))) == 16


def test_a_document_that_is_refused_costs_one_request(strict: Service) -> None:
    with strict.client(headers=sign_in(strict)) as client:
        assert left(send(client, "{ nonsense }")) == 19
        assert left(send(client, "{ orders(first: 1000) { nodes { id } } }")) == 18
