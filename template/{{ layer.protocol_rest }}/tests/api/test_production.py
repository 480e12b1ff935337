"""What is different in production: it starts with proper settings only, and says little."""

from pathlib import Path

import httpx2

from tests.support.accounts import sign_in
from tests.support.broken import broken_database
from tests.support.orders import order_draft
from tests.support.paths import path
from tests.support.production import REVEALING, deployed
from tests.support.raw import exchange
from tests.support.service import Service, running_service

ORDERS = path("/orders")
HSTS = "max-age=63072000; includeSubDomains"


def test_every_response_demands_https(production: Service) -> None:
    with production.client(headers=sign_in(production)) as client:
        answers = [
            client.post(ORDERS, json=order_draft()),
            client.get("/health/live"),
            client.get("/nowhere"),
            client.delete(ORDERS),
        ]
    assert [answer.status_code for answer in answers] == [201, 200, 404, 405]
    assert {answer.headers["Strict-Transport-Security"] for answer in answers} == {HSTS}
    malformed = exchange(production, b"GET / HTTP/1.1\nHost: api.example.com\n\n")
    assert (malformed.status, malformed.headers["strict-transport-security"]) == (400, HSTS)


def test_documentation_is_off(production: Service) -> None:
    with production.client() as client:
        for address in ("/docs", "/openapi.json", "/redoc"):
            assert client.get(address, headers={"Accept": "*/*"}).status_code == 404


def assert_reveals_nothing(response: httpx2.Response) -> None:
    assert not REVEALING.search(f"{response.text} {response.headers}")


def test_no_refusal_tells_what_the_service_is_made_of(production: Service) -> None:
    json = {"Content-Type": "application/json"}
    with production.client(headers=sign_in(production)) as client:
        answers = [
            client.get(ORDERS, headers={"Authorization": "Bearer x.y.z"}),
            client.get("/nowhere"),
            client.put(ORDERS),
            client.post(ORDERS, content=b"{", headers=json),
            client.post(ORDERS, content=b"x" * 2_000_000, headers=json),
            client.post(ORDERS, content=b"x"),
            client.post(ORDERS, json={"lines": [{"quantity": "x"}]}),
            client.get(f"{ORDERS}/x"),
        ]
    statuses = [answer.status_code for answer in answers]
    assert statuses == [401, 404, 405, 400, 413, 415, 422, 422]
    for answer in answers:
        assert_reveals_nothing(answer)


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
        broken.client(headers=sign_in(production)) as client,
    ):
        response = client.get(ORDERS)
        assert response.status_code == 500
        assert_reveals_nothing(response)
        error = response.json()["error"]
        assert (error["code"], error["details"]) == ("INTERNAL_ERROR", [])
        (event,) = broken.logs(request_id=error["request_id"], level="error")
        assert "Traceback" in event["exception"]
