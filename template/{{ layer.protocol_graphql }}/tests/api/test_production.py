"""What is different in production: it starts with proper settings only, and says little."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.accounts import sign_in
from tests.support.broken import broken_database
from tests.support.graphql import CREATE, GRAPHQL, codes, errors, send
from tests.support.orders import order_draft
from tests.support.paths import path
from tests.support.production import REVEALING, deployed
from tests.support.raw import exchange
from tests.support.service import Service, running_service
from tests.support.sockets import socket_of

HSTS = "max-age=63072000; includeSubDomains"
LIST = "{ orders { nodes { id } } }"


@pytest.fixture(scope="module")
def client(production: Service) -> Iterator[httpx2.Client]:
    with production.client(headers=sign_in(production)) as made:
        yield made


def test_every_response_demands_https(production: Service, client: httpx2.Client) -> None:
    answers = [
        send(client, CREATE, input=order_draft()),
        client.get("/health/live"),
        client.get("/nowhere"),
        client.delete("/graphql"),
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 404, 405]
    assert {answer.headers["Strict-Transport-Security"] for answer in answers} == {HSTS}
    malformed = exchange(production, b"GET / HTTP/1.1\nHost: api.example.com\n\n")
    assert (malformed.status, malformed.headers["strict-transport-security"]) == (400, HSTS)


def test_documentation_is_off(client: httpx2.Client) -> None:
    for address in ("/docs", "/graphiql", "/openapi.json"):
        assert client.get(address, headers={"Accept": "*/*"}).status_code == 404
    assert client.get("/graphql", headers={"Accept": "text/html"}).status_code == 406


@pytest.mark.parametrize(
    "query", ["{ __schema { queryType { name } } }", '{ __type(name: "Order") { name } }']
)
def test_introspection_is_off(client: httpx2.Client, query: str) -> None:
    response = send(client, query, {"Accept": GRAPHQL})
    assert response.status_code == 400
    assert set(codes(response)) == {"VALIDATION_ERROR"}
    assert "introspection" in errors(response)[0]["message"]


def test_nothing_at_all_is_answered_without_credentials(production: Service) -> None:
    with production.client() as anonymous:
        for body in (b'{"query": "{ __typename }"}', b"{", b"x" * 2_000_000):
            headers = {"Content-Type": "application/json"}
            response = anonymous.post("/graphql", content=body, headers=headers)
            assert response.status_code == 401
            assert codes(response) == ["UNAUTHENTICATED"]


@pytest.mark.parametrize(
    ("query", "variables"),
    [
        ("{ order { id } }", {}),
        ("{ ordrs { id } }", {}),
        ("{ orders(frist: 1) { nodes { id } } }", {}),
        ("{ orders(status: PLACD) { nodes { id } } }", {}),
        ("query ($s: OrderStatu) { orders(status: $s) { nodes { id } } }", {}),
        ("query ($s: OrderStatus) { orders(status: $s) { nodes { id } } }", {"s": "PLACD"}),
        (CREATE, {"input": {"curency": "EUR"}}),
        (CREATE, {"input": {"lines": [{"quantity": "x"}]}}),
        ("{", {}),
    ],
)
def test_no_refusal_suggests_a_name_or_tells_what_the_service_is_made_of(
    client: httpx2.Client, query: str, variables: dict[str, Any]
) -> None:
    response = send(client, query, **variables)
    assert set(codes(response)) <= {"VALIDATION_ERROR", "MALFORMED_REQUEST"}
    assert codes(response)
    assert not REVEALING.search(f"{response.text} {response.headers}")


def test_a_socket_reveals_nothing_either(production: Service) -> None:
    with socket_of(production) as socket:
        socket.initialise(sign_in(production))
        socket.subscribe("one", "subscription { orderStatusChangd(id: 1) { id } }")
        assert not REVEALING.search(str(socket.receive()))


def test_a_failure_is_told_to_the_log_alone(
    environment: dict[str, str],
    scratch: Path,
    production_settings: dict[str, str],
    production: Service,
) -> None:
    with (
        broken_database(environment["DATABASE_URL"]) as url,
        running_service(
            environment, scratch, changes={**production_settings, "DATABASE_URL": deployed(url)}
        ) as broken,
        broken.client(headers=sign_in(production, "admin")) as client,
    ):
        for response in (send(client, LIST), client.get(path("/audit-events"))):
            assert not REVEALING.search(f"{response.text} {response.headers}")
            assert "INTERNAL_ERROR" in response.text
        (error,) = errors(send(client, LIST))
        assert error["message"] == "An unexpected error occurred"
        assert error["extensions"]["code"] == "INTERNAL_ERROR"
        request_id = error["extensions"]["request_id"]
        (event,) = broken.logs(request_id=request_id, level="error")
        assert "Traceback" in event["exception"]
