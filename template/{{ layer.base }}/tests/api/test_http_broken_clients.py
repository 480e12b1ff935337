"""What slow clients meet, and those who send what is not HTTP."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPResponse
from uuid import uuid4

import pytest

from tests.support.raw import connect, exchange, seconds_until_closed
from tests.support.service import Service

GET = b"GET /health/live HTTP/1.1\r\n"
POST = b"POST /health/live HTTP/1.1\r\n"
HOST = b"Host: 127.0.0.1\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
LONG = b"x" * 70_000


@pytest.mark.parametrize(
    "request_bytes",
    [
        pytest.param(GET + b"\r\n", id="no host"),
        pytest.param(GET + HOST + HOST + b"\r\n", id="two hosts"),
        pytest.param(b"GET / HTTP/1.0\r\n\r\n", id="no host in HTTP/1.0"),
        pytest.param(GET + b"Host: a b\r\n\r\n", id="host with a space"),
        pytest.param(POST + HOST + b"Content-Length: 1\r\n" * 2 + b"\r\na", id="length twice"),
        pytest.param(
            POST + HOST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", id="lengths differ"
        ),
        pytest.param(POST + HOST + b"Content-Length: 1, 1\r\n\r\na", id="list of lengths"),
        pytest.param(POST + HOST + b"Content-Length: +1\r\n\r\na", id="signed length"),
        pytest.param(
            POST + HOST + CHUNKED + b"Content-Length: 5\r\n\r\n0\r\n\r\n", id="encoding and length"
        ),
        pytest.param(
            POST + HOST + b"Content-Length: 5\r\n" + CHUNKED + b"\r\n0\r\n\r\n",
            id="length and encoding",
        ),
        pytest.param(POST + HOST + CHUNKED * 2 + b"\r\n0\r\n\r\n", id="encoding twice"),
        pytest.param(
            POST + HOST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", id="other encoding"
        ),
        pytest.param(
            POST.replace(b"1.1", b"1.0") + HOST + CHUNKED + b"\r\n0\r\n\r\n", id="chunks in 1.0"
        ),
        pytest.param(POST + HOST + CHUNKED + b"\r\n-1\r\n", id="negative chunk"),
        pytest.param(POST + HOST + CHUNKED + b"\r\n1\na\r\n0\r\n\r\n", id="bare LF in a chunk"),
        pytest.param(b"GET / HTTP/1.1\n" + HOST + b"\r\n", id="bare LF"),
        pytest.param(GET + b"Host: 127.0.0.1\n\r\n", id="bare LF after a header"),
        pytest.param(GET + HOST + b"X: a\rY: b\r\n\r\n", id="bare CR"),
        pytest.param(GET + HOST + b"X: a\r\n b\r\n\r\n", id="folded header"),
        pytest.param(GET + HOST + b"X : a\r\n\r\n", id="space before the colon"),
        pytest.param(GET + HOST + b"X: a\0b\r\n\r\n", id="NUL in a header"),
        pytest.param(b"GET /\0 HTTP/1.1\r\n" + HOST + b"\r\n", id="NUL in the path"),
        pytest.param(b"GET / HTTP/2.0\r\n" + HOST + b"\r\n", id="version"),
        pytest.param(b"NONSENSE / HTTP/1.1\r\n" + HOST + b"\r\n", id="unknown method"),
        pytest.param(b"CONNECT 127.0.0.1:80 HTTP/1.1\r\n" + HOST + b"\r\n", id="tunnel"),
        pytest.param(b"GET http://evil.example/ HTTP/1.1\r\n" + HOST + b"\r\n", id="other target"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc", id="TLS"),
        pytest.param(GET + HOST + b"X: " + LONG + b"\r\n\r\n", id="long header"),
        pytest.param(GET + HOST + b"X: " + LONG * 9, id="header without an end"),
        pytest.param(b"GET /" + LONG + b" HTTP/1.1\r\n" + HOST + b"\r\n", id="long address"),
        pytest.param(
            GET + HOST + b"".join(b"X-%d: aaaaaaaaaa\r\n" % n for n in range(4000)) + b"\r\n",
            id="many headers",
        ),
    ],
)
def test_what_is_not_clean_http_is_refused(service: Service, request_bytes: bytes) -> None:
    response = exchange(service, request_bytes)
    assert response.status == 400
    error = json.loads(response.body)["error"]
    assert error["code"] == "MALFORMED_REQUEST"
    assert error["request_id"] == response.headers["x-request-id"]
    assert response.headers["x-content-type-options"] == "nosniff"


def test_a_body_that_is_not_http_is_no_fault_of_the_service(service: Service) -> None:
    request_id = uuid4().hex
    head = POST + HOST + CHUNKED + f"X-Request-ID: {request_id}\r\n\r\n".encode()
    assert exchange(service, head + b"Z\r\n").status == 400
    limit = time.monotonic() + 20
    while not service.logs(request_id=request_id) and time.monotonic() < limit:
        time.sleep(0.02)
    assert [event["event"] for event in service.logs(request_id=request_id)] == ["request"]


def test_big_but_allowed_headers_pass(service: Service) -> None:
    assert exchange(service, GET + HOST + b"X: " + b"x" * 60_000 + b"\r\n\r\n").status == 200


def test_a_target_may_name_the_host_that_the_header_names(service: Service) -> None:
    target = b"GET http://127.0.0.1/health/live HTTP/1.1\r\n"
    assert exchange(service, target + HOST + b"\r\n").status == 200


def test_a_connection_goes_on_after_an_offer_to_upgrade_it(service: Service) -> None:
    offer = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMA\r\n"
    with connect(service) as connection:
        for request in (GET + HOST + offer, GET + HOST):
            connection.sendall(request + b"\r\n")
            response = HTTPResponse(connection)
            response.begin()
            assert response.read() == b'{"status":"alive"}'


def test_trailers_do_not_become_headers(service: Service) -> None:
    trailer = b"X-Request-ID: from-a-trailer\r\n"
    response = exchange(service, POST + HOST + CHUNKED + b"\r\n0\r\n" + trailer + b"\r\n")
    assert response.headers["x-request-id"] != "from-a-trailer"


def test_slow_clients_are_cut_off(narrow_service: Service) -> None:
    """All at once, since each takes the time-out of 1.5 s and a second of sweeping."""
    slow = {
        "nothing at all": (b"", b""),
        "headers": (GET + HOST, b"X: y\r\n"),
        "one endless header": (GET + HOST + b"X: ", b"y"),
        "a body that nobody reads": (POST + HOST + b"Content-Length: 9000\r\n\r\n", b"x"),
        "chunks": (POST + HOST + CHUNKED + b"\r\n", b"1\r\nx\r\n"),
        "empty lines after a request": (GET + HOST + b"\r\n", b"\r\n"),
    }

    def lasts(first: bytes, drip: bytes) -> float:
        with connect(narrow_service) as connection:
            connection.sendall(first)
            return seconds_until_closed(connection, drip)

    with ThreadPoolExecutor(len(slow)) as threads:
        running = {name: threads.submit(lasts, *sent) for name, sent in slow.items()}
    seconds = {name: lasted.result() for name, lasted in running.items()}
    assert all(1 < lasted < 4 for lasted in seconds.values()), seconds
