"""How big, how long and how many requests may be, and how JSON must be written."""

import gzip
import json
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPResponse

import httpx2
import pytest

from tests.support.accounts import sign_in
from tests.support.orders import order_draft
from tests.support.paths import path
from tests.support.raw import connect
from tests.support.service import Service

ORDERS = path("/orders")


@pytest.fixture(scope="module")
def credentials(narrow_service: Service) -> dict[str, str]:
    return sign_in(narrow_service)


@pytest.fixture(scope="module")
def narrow_client(narrow_service: Service, credentials: dict[str, str]) -> Iterator[httpx2.Client]:
    with narrow_service.client(headers=credentials) as client:
        yield client


@pytest.fixture(autouse=True)
def idle(narrow_service: Service) -> None:
    """Nothing of the test before is in progress any more, as there may be so little at a time."""
    limit = time.monotonic() + 10
    with narrow_service.client() as client:
        while "\nhttp_server_active_requests 0.0\n" not in client.get("/metrics").text:
            assert time.monotonic() < limit, "requests do not end"
            time.sleep(0.01)


@contextmanager
def unfinished_post(service: Service, headers: dict[str, str]) -> Iterator[socket.socket]:
    """A request in progress: its body of two bytes is not sent yet."""
    fields = {"Content-Type": "application/json", "Content-Length": "2", **headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items() if value)
    with connect(service) as connection:
        connection.sendall(f"POST {ORDERS} HTTP/1.1\r\nHost: 127.0.0.1\r\n{head}\r\n".encode())
        yield connection


def answer(connection: socket.socket) -> tuple[int, str]:
    """The status and the error code of the response."""
    response = HTTPResponse(connection)
    response.begin()
    return response.status, json.loads(response.read())["error"]["code"]


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_over_the_limit_is_refused(narrow_client: httpx2.Client, chunked: bool) -> None:
    body = json.dumps(order_draft(customer_reference="x" * 10_000)).encode()
    response = narrow_client.post(
        ORDERS,
        content=iter([body[:5000], body[5000:]]) if chunked else body,
        headers={"Content-Type": "application/json"},
    )
    assert response.status_code == 413
    assert response.json()["error"]["code"] == "PAYLOAD_TOO_LARGE"
    assert response.headers["Connection"] == "close"


def test_a_body_over_the_limit_is_refused_before_it_is_sent(
    narrow_service: Service, credentials: dict[str, str]
) -> None:
    announced = {**credentials, "Content-Length": "10001", "Expect": "100-continue"}
    with unfinished_post(narrow_service, announced) as connection:
        assert answer(connection) == (413, "PAYLOAD_TOO_LARGE")


def test_credentials_are_asked_for_before_a_body_is_judged(narrow_service: Service) -> None:
    with narrow_service.client() as client:
        too_big = client.post(ORDERS, content=b"x" * 10_001)
        no_json = client.post(ORDERS, content=b"{", headers={"Content-Type": "application/json"})
        no_type = client.post(ORDERS, content=b"{")
    assert [too_big.status_code, no_json.status_code, no_type.status_code] == [401] * 3


def test_a_body_that_follows_an_offer_to_upgrade_is_read(narrow_service: Service) -> None:
    """Java's client makes such an offer with its first request."""
    body = json.dumps(order_draft())
    offer = {
        **sign_in(narrow_service),
        "Connection": "Upgrade, HTTP2-Settings",
        "Upgrade": "h2c",
        "HTTP2-Settings": "AAMA",
        "Content-Length": str(len(body)),
    }
    with unfinished_post(narrow_service, offer) as connection:
        connection.sendall(body.encode())
        response = HTTPResponse(connection)
        response.begin()
        assert response.status == 201


@pytest.mark.parametrize("rest", [b"0\r\nX: %s", b"1;%s"], ids=["trailers", "extensions"])
def test_what_surrounds_the_chunks_of_a_body_is_bounded(
    narrow_service: Service, credentials: dict[str, str], rest: bytes
) -> None:
    chunked = {**credentials, "Content-Length": "", "Transfer-Encoding": "chunked"}
    with unfinished_post(narrow_service, chunked) as connection:
        connection.sendall(rest % (b"x" * 200_000))
        assert answer(connection) == (400, "MALFORMED_REQUEST")


def test_a_request_over_its_time_is_cancelled(
    narrow_service: Service, credentials: dict[str, str]
) -> None:
    began = time.monotonic()
    with unfinished_post(narrow_service, credentials) as connection:
        assert answer(connection) == (503, "DEADLINE_EXCEEDED")
    assert 0.9 < time.monotonic() - began < 1.5


def test_requests_over_the_limit_are_refused_but_health_answers(
    narrow_service: Service, narrow_client: httpx2.Client, credentials: dict[str, str]
) -> None:
    with (
        unfinished_post(narrow_service, credentials) as one,
        unfinished_post(narrow_service, credentials) as two,
        narrow_service.client() as client,
    ):
        time.sleep(0.1)
        refused = narrow_client.get(ORDERS)
        assert refused.status_code == 503
        assert refused.json()["error"]["code"] == "OVERLOADED"
        assert int(refused.headers["Retry-After"]) >= 1
        assert client.get("/health/live").status_code == 200
        assert "http_server_active_requests 2.0" in client.get("/metrics").text
        for connection in (one, two):
            connection.sendall(b"{}")
            assert answer(connection)[0] == 422
    assert narrow_client.get(ORDERS).status_code == 200


def test_a_request_in_progress_is_answered_while_the_service_stops(
    start_service: Callable[..., Service],
) -> None:
    service = start_service()
    with unfinished_post(service, sign_in(service)) as connection:
        time.sleep(0.1)
        service.send_signal(signal.SIGTERM)
        time.sleep(0.4)
        assert not service.process.ended
        connection.sendall(b"{}")
        assert answer(connection) == (422, "VALIDATION_ERROR")
    assert service.process.wait(5) == 0


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"currency": "EUR", "currency": "EUR"}',
        b'{"customer_reference": "\\ud800"}',
        b'{"customer_reference": "\\u0000"}',
        b'{"customer_reference": "\xff"}',
        b'{"lines": [{"quantity": NaN}]}',
        b'{"lines": [{"quantity": Infinity}]}',
        b'{"lines": [{"quantity": 1e400}]}',
        b'{"lines": [{"quantity": ' + b"9" * 4000 + b"}]}",
        b'{"lines": ' + b"[" * 900 + b"]" * 900 + b"}",
        b"[" * 5000,
    ],
)
def test_json_that_is_not_clean_is_refused(narrow_client: httpx2.Client, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    response = narrow_client.post(ORDERS, content=body, headers=headers)
    assert response.status_code in {400, 422}
    assert response.json()["error"]["code"] in {"MALFORMED_REQUEST", "VALIDATION_ERROR"}


@pytest.mark.parametrize("media_type", ["text/plain", "application/xml", "application/jsonp", ""])
def test_a_body_of_another_media_type_is_refused(
    narrow_client: httpx2.Client, media_type: str
) -> None:
    body = json.dumps(order_draft()).encode()
    response = narrow_client.post(ORDERS, content=body, headers={"Content-Type": media_type})
    assert response.status_code == 415
    assert response.json()["error"]["code"] == "UNSUPPORTED_MEDIA_TYPE"


def test_a_compressed_body_is_refused(narrow_client: httpx2.Client) -> None:
    body = gzip.compress(json.dumps(order_draft()).encode())
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    response = narrow_client.post(ORDERS, content=body, headers=headers)
    assert response.status_code == 415
    assert response.headers["Accept-Encoding"] == "identity"


def test_a_wrong_method_is_told_those_of_all_routes_of_the_path(
    narrow_client: httpx2.Client,
) -> None:
    response = narrow_client.put(ORDERS, json={})
    assert response.status_code == 405
    assert response.headers["Allow"] == "GET, HEAD, OPTIONS, POST"
    one = narrow_client.post(f"{ORDERS}/{'0' * 32}", json={})
    assert one.headers["Allow"] == "DELETE, GET, HEAD, OPTIONS, PATCH"


def test_metrics_and_logs_name_the_whole_route(
    narrow_service: Service, narrow_client: httpx2.Client
) -> None:
    request_id = "whole-route"
    answer = narrow_client.get(f"{ORDERS}/none", headers={"X-Request-ID": request_id})
    route = "/v1/orders/{order_id}"
    assert answer.status_code in {404, 422}
    assert f'http_route="{route}"' in narrow_client.get("/metrics").text
    assert [event["route"] for event in narrow_service.logs(request_id=request_id)][-1] == route


def test_details_of_health_are_for_operators(
    sign_in_as: Callable[[str], httpx2.Client],
) -> None:
    refused = sign_in_as("member").get("/health/detailed")
    assert refused.status_code == 403
    assert "insufficient_scope" in refused.headers["WWW-Authenticate"]
    details = sign_in_as("admin").get("/health/detailed").json()
    assert details["status"] == "ready"
    assert details["parts"]["database"]["status"] == "ok"
    assert details["parts"]["database"]["latency_ms"] > 0
    assert details["pool"]["maximum"] >= details["pool"]["used"] + details["pool"]["idle"] > 0
    assert details["memory_bytes"] > 1_000_000
    assert "queue" in details


def test_documentation_is_shown_only_where_it_is_wanted(
    service: Service, narrow_service: Service
) -> None:
    for running, status in ((service, 200), (narrow_service, 404)):
        with running.client() as client:
            assert client.get("/openapi.json").status_code == status
            assert client.get("/docs", headers={"Accept": "text/html"}).status_code == status
