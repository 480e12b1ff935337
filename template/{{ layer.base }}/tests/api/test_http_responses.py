"""What every HTTP response carries, whatever was asked."""

import re
from collections.abc import Callable, Iterator

import httpx2
import pytest

from app.auth.authenticator import CREDENTIAL_HEADERS
from tests.support.raw import exchange
from tests.support.service import Service

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
SAMPLES = [
    ("GET", "/health/live", 200),
    ("GET", "/nowhere", 404),
    ("POST", "/health/live", 405),
    ("GET", "/nowhere/%00", 400),
    ("GET", "/nowhere?" + "a&" * 100, 400),
    ("GET", "/health/detailed", 401),
]


@pytest.fixture(scope="module")
def client(service: Service) -> Iterator[httpx2.Client]:
    with service.client() as made:
        yield made


@pytest.mark.parametrize(("method", "path", "status"), SAMPLES)
def test_every_response_carries_an_id_and_the_security_headers(
    client: httpx2.Client, method: str, path: str, status: int
) -> None:
    response = client.request(method, path)
    assert response.status_code == status
    assert REQUEST_ID.fullmatch(response.headers["X-Request-ID"])
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["X-Frame-Options"] == "DENY"
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    assert response.headers["Cache-Control"] == "no-store"
    assert not {"server", "x-powered-by"} & {name.lower() for name in response.headers}


@pytest.mark.parametrize(("method", "path", "status"), [s for s in SAMPLES if s[2] >= 400])
def test_every_error_has_the_one_shape(
    client: httpx2.Client, method: str, path: str, status: int
) -> None:
    response = client.request(method, path)
    assert response.headers["Content-Type"] == "application/json"
    assert response.json().keys() == {"error"}
    error = response.json()["error"]
    assert error.keys() == {"code", "message", "details", "request_id", "retryable"}
    assert error["request_id"] == response.headers["X-Request-ID"]


@pytest.mark.parametrize("sent", ["a", "A-b_c.1", "x" * 128])
def test_a_valid_request_id_is_kept(client: httpx2.Client, sent: str) -> None:
    response = client.get("/nowhere", headers={"X-Request-ID": sent})
    assert response.headers["X-Request-ID"] == sent
    assert response.json()["error"]["request_id"] == sent


@pytest.mark.parametrize("sent", ["", "a b", "x" * 129, "é", "a;b", "a\tb"])
def test_any_other_request_id_is_replaced(client: httpx2.Client, sent: str) -> None:
    response = client.get("/health/live", headers=[(b"X-Request-ID", sent.encode())])
    assert response.headers["X-Request-ID"] != sent
    assert REQUEST_ID.fullmatch(response.headers["X-Request-ID"])


def test_a_wrong_method_is_told_every_right_one(client: httpx2.Client) -> None:
    response = client.delete("/health/live")
    assert response.json()["error"]["code"] == "METHOD_NOT_ALLOWED"
    assert response.headers["Allow"] == "GET, HEAD, OPTIONS"


def test_options_answers_with_the_methods(client: httpx2.Client) -> None:
    response = client.options("/health/live")
    assert response.status_code == 204
    assert response.headers["Allow"] == "GET, HEAD, OPTIONS"
    assert response.content == b""
    assert client.options("/nowhere").status_code == 404


def test_the_server_as_a_whole_is_no_resource(service: Service) -> None:
    assert exchange(service, b"OPTIONS * HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").status == 404


def test_head_answers_as_get_does_but_without_a_body(client: httpx2.Client) -> None:
    got, headed = client.get("/health/live"), client.head("/health/live")
    assert headed.status_code == 200
    assert headed.content == b""
    assert headed.headers["Content-Length"] == got.headers["Content-Length"]
    assert headed.headers["Content-Type"] == got.headers["Content-Type"]
    assert client.head("/nowhere").status_code == 404


@pytest.mark.parametrize("path", ["/nowhere", "/docsets"])
def test_what_does_not_accept_json_is_refused(client: httpx2.Client, path: str) -> None:
    response = client.get(path, headers={"Accept": "text/html"})
    assert response.status_code == 406
    assert response.json()["error"]["code"] == "NOT_ACCEPTABLE"


@pytest.mark.parametrize("address", ["/a%00b", "/%ff", "/?q=%00", "/?q=%ED%A0%80", "/a%0d%0ab"])
def test_an_address_that_is_not_plain_text_is_refused(client: httpx2.Client, address: str) -> None:
    response = client.get(address)
    assert response.status_code == 400
    assert response.json()["error"]["code"] == "MALFORMED_REQUEST"


def test_a_trailing_slash_is_another_address_and_not_redirected(client: httpx2.Client) -> None:
    response = client.get("/health/live/", follow_redirects=False)
    assert response.status_code == 404


@pytest.mark.parametrize("address", ["/%6Detrics", "/metric%73", "/health%2Fready"])
def test_an_operation_has_no_second_address_that_gateways_let_through(
    client: httpx2.Client, address: str
) -> None:
    response = client.get(address)
    assert response.status_code == 404
    assert response.json()["error"]["code"] == "NOT_FOUND"


@pytest.mark.parametrize(
    "name",
    [*CREDENTIAL_HEADERS, "content-type", "idempotency-key", "if-match", "if-none-match"],
)
def test_a_repeated_header_that_must_be_single_is_refused(client: httpx2.Client, name: str) -> None:
    twice = [(name, "Bearer a"), (name, "Bearer b")]
    assert client.get("/nowhere", headers=twice).status_code == 400


@pytest.mark.parametrize(
    ("host", "status"),
    [
        (b"api.example.com", 404),
        (b"API.EXAMPLE.COM:8443", 404),
        (b"eu.example.org", 404),
        (b"example.org", 400),
        (b"evil.example", 400),
        (b"api.example.com.evil.example", 400),
        (b"api.example.com:80@evil.example", 400),
        (b"evil.example#api.example.com", 400),
        (b"", 400),
    ],
)
def test_only_the_hosts_of_the_service_are_answered(
    narrow_service: Service, host: bytes, status: int
) -> None:
    response = exchange(narrow_service, b"GET /nowhere HTTP/1.1\r\nHost: %b\r\n\r\n" % host)
    assert response.status == status
    assert b"evil" not in response.body
    assert "evil" not in str(response.headers)


def test_probes_may_address_the_instance(start_service: Callable[..., Service]) -> None:
    service = start_service(ALLOWED_HOSTS="api.example.com")
    ask = b"GET %b HTTP/1.1\r\nHost: %b\r\n\r\n"
    assert exchange(service, ask % (b"/health/live", b"127.0.0.1:8000")).status == 200
    assert exchange(service, ask % (b"/health/live", b"evil.example")).status == 400
    assert exchange(service, ask % (b"/nowhere", b"127.0.0.1")).status == 400


def test_only_listed_origins_may_read_responses(narrow_service: Service) -> None:
    with narrow_service.client() as client:
        listed = client.get("/nowhere", headers={"Origin": "https://app.example.com"})
        other = client.get("/nowhere", headers={"Origin": "https://evil.example"})
    assert listed.headers["Access-Control-Allow-Origin"] == "https://app.example.com"
    assert "X-Request-ID" in listed.headers["Access-Control-Expose-Headers"]
    assert "Access-Control-Allow-Credentials" not in listed.headers
    assert "Access-Control-Allow-Origin" not in other.headers
    assert "Origin" in other.headers["Vary"]


def test_only_listed_origins_pass_a_preflight(narrow_service: Service) -> None:
    asked = {
        "Access-Control-Request-Method": "PATCH",
        "Access-Control-Request-Headers": "authorization, content-type, if-match",
    }
    with narrow_service.client() as client:
        listed = client.options("/x", headers={**asked, "Origin": "https://app.example.com"})
        other = client.options("/x", headers={**asked, "Origin": "https://evil.example"})
    assert listed.status_code == 204
    assert "PATCH" in listed.headers["Access-Control-Allow-Methods"]
    assert "If-Match" in listed.headers["Access-Control-Allow-Headers"]
    assert other.status_code == 403
    assert other.json()["error"]["code"] == "FORBIDDEN"
    assert "Access-Control-Allow-Origin" not in other.headers


def test_by_default_no_origin_may_read_responses(client: httpx2.Client) -> None:
    response = client.get("/health/live", headers={"Origin": "https://app.example.com"})
    assert not [name for name in response.headers if name.startswith("access-control")]
