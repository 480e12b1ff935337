"""Comments and commas are no tokens, and yet they are read: a document may not be long either."""

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.support.accounts import sign_in
from tests.support.graphql import GRAPHQL, codes, errors, fields, send
from tests.support.service import Service, running_service
from tests.support.sockets import socket_of

ME = "{ me { id } }"
# 353 tokens: four requests while it is new, and one while it is kept.
DEAR = " ".join(f"query Q{number} {{ me {{ id }} }}" for number in range(50))


@pytest.fixture(scope="module")
def limited(environment: dict[str, str], scratch: Path) -> Iterator[Service]:
    changes = {"GRAPHQL_MAX_LENGTH": "30000", "RATE_LIMIT_PRINCIPAL": "200/hour"}
    with running_service(environment, scratch, changes=changes) as service:
        yield service


@pytest.fixture
def headers(limited: Service) -> dict[str, str]:
    return sign_in(limited)


@pytest.fixture
def client(limited: Service, headers: dict[str, str]) -> Iterator[httpx2.Client]:
    with limited.client(headers=headers) as made:
        yield made


def padded(length: int, number: int = 0) -> str:
    return f"{ME} # {number} ".ljust(length, ",")


def left(response: httpx2.Response) -> int:
    return int(response.headers["X-RateLimit-Remaining"])


def test_a_document_that_is_too_long_is_told_so(client: httpx2.Client) -> None:
    assert codes(send(client, padded(30_000))) == []
    response = send(client, padded(30_001), {"Accept": GRAPHQL})
    assert response.status_code == 400
    assert codes(response) == ["VALIDATION_ERROR"]
    assert fields(response) == ["length"]
    assert errors(response)[0]["message"] == "length is 30001, and must be at most 30000"
    assert 'graphql_refused_total{limit="length"}' in client.get("/metrics").text


def test_a_socket_refuses_it_alike(limited: Service, headers: dict[str, str]) -> None:
    with socket_of(limited) as socket:
        socket.initialise(headers)
        socket.subscribe("one", padded(30_001))
        message = socket.receive()
    assert message["type"] == "error"
    assert message["payload"][0]["message"] == "length is 30001, and must be at most 30000"


def test_no_document_of_the_whole_length_of_a_message_is_read(member: httpx2.Client) -> None:
    assert fields(send(member, padded(1_000_000))) == ["length"]


def test_a_long_document_is_charged_for_by_its_length(client: httpx2.Client) -> None:
    assert left(send(client, padded(8000))) == 199
    assert left(send(client, padded(25_000))) == 195
    # What is refused for its length was not read.
    assert left(send(client, padded(30_001))) == 194


def test_long_documents_leave_the_others_kept(client: httpx2.Client) -> None:
    body = {"query": DEAR, "operationName": "Q0"}
    before = left(client.post("/graphql", json=body))
    for number in range(8):
        before = left(send(client, padded(30_000, number)))
    assert left(client.post("/graphql", json=body)) == before - 1
