"""Operations of sessions, by HTTP and by sockets, to which browsers add but the cookie."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import httpx2
import pytest

from tests.support.accounts import log_in, new_email, register
from tests.support.graphql import codes
from tests.support.service import Service, running_service
from tests.support.sockets import Socket, socket_of

Connect = Callable[[str], AbstractContextManager[Socket]]
APP = "https://app.example.com"
ME = "{ me { email } }"
SETTINGS = {
    "CORS_ORIGINS": APP,
    "CORS_ALLOW_CREDENTIALS": "true",
    "GRAPHQL_RECHECK_SECONDS": "0.3",
}


@pytest.fixture(scope="module")
def sockets(environment: dict[str, str], scratch: Path) -> Iterator[Service]:
    with running_service(environment, scratch, changes=SETTINGS) as service:
        yield service


@pytest.fixture(scope="module")
def email(service: Service) -> str:
    address = new_email()
    register(service, address)
    return address


@pytest.fixture
def session(service: Service, email: str) -> dict[str, str]:
    return log_in(service, email)


@pytest.fixture
def connect(sockets: Service, session: dict[str, str]) -> Connect:
    """A socket as a browser opens it: with the cookie, and the origin of its page."""
    cookie = {"Cookie": session["Cookie"]}
    return lambda origin: socket_of(sockets, origin=origin, additional_headers=cookie)


def test_what_is_posted_needs_the_token_and_what_is_got_does_not(
    anonymous: httpx2.Client, session: dict[str, str]
) -> None:
    cookie = {"Cookie": session["Cookie"]}
    refused = anonymous.post("/graphql", json={"query": ME}, headers=cookie)
    assert (refused.status_code, codes(refused)) == (403, ["CSRF_FAILED"])
    assert anonymous.post("/graphql", json={"query": ME}, headers=session).json()["data"]["me"]
    got = anonymous.get("/graphql", params={"query": ME}, headers=cookie)
    assert got.json()["data"]["me"]


def test_no_page_of_others_may_post_even_with_the_token(
    anonymous: httpx2.Client, session: dict[str, str]
) -> None:
    evil = {**session, "Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    refused = anonymous.post("/graphql", json={"query": ME}, headers=evil)
    assert (refused.status_code, codes(refused)) == (403, ["CSRF_FAILED"])


@pytest.mark.parametrize("own", [True, False], ids=["own origin", "listed origin"])
def test_a_socket_takes_the_cookie_of_its_handshake_and_the_token_of_its_first_message(
    sockets: Service, connect: Connect, session: dict[str, str], email: str, own: bool
) -> None:
    with connect(sockets.url if own else APP) as socket:
        socket.initialise({"X-CSRF-Token": session["X-CSRF-Token"]})
        socket.subscribe("1", ME)
        assert socket.receive()["payload"] == {"data": {"me": {"email": email}}}


@pytest.mark.parametrize("payload", [{}, {"X-CSRF-Token": "x"}, {"X-CSRF-Token": 1}])
def test_a_socket_without_the_token_is_closed(
    sockets: Service, connect: Connect, payload: dict[str, str]
) -> None:
    with connect(sockets.url) as socket:
        socket.send(type="connection_init", payload=payload)
        assert socket.closed_with() == (4403, "CSRF_FAILED")


def test_a_token_without_the_cookie_is_nothing(sockets: Service, session: dict[str, str]) -> None:
    with socket_of(sockets) as socket:
        socket.send(type="connection_init", payload={"X-CSRF-Token": session["X-CSRF-Token"]})
        assert socket.closed_with() == (4403, "UNAUTHENTICATED")


def test_a_socket_ends_with_its_session(
    sockets: Service, connect: Connect, anonymous: httpx2.Client, session: dict[str, str]
) -> None:
    with connect(sockets.url) as socket:
        socket.initialise({"X-CSRF-Token": session["X-CSRF-Token"]})
        anonymous.delete("/v1/sessions/current", headers=session).raise_for_status()
        assert socket.closed_with() == (4403, "UNAUTHENTICATED")


def test_nothing_is_done_by_a_socket_whose_session_has_ended(
    start_service: Callable[..., Service], session: dict[str, str]
) -> None:
    service = start_service(GRAPHQL_RECHECK_SECONDS="60")
    with socket_of(service, additional_headers=session) as socket:
        socket.initialise({})
        with service.client(headers=session) as client:
            client.delete("/v1/sessions/current").raise_for_status()
        socket.subscribe("1", ME)
        assert socket.closed_with() == (4403, "UNAUTHENTICATED")


def test_what_is_sent_by_a_socket_uses_its_session_and_an_open_one_does_not(
    start_service: Callable[..., Service], email: str
) -> None:
    service = start_service(SESSION_IDLE_SECONDS="2", GRAPHQL_RECHECK_SECONDS="0.2")
    first, second = log_in(service, email), log_in(service, email)
    with (
        socket_of(service, additional_headers=first) as silent,
        socket_of(service, additional_headers=second) as busy,
    ):
        silent.initialise({})
        busy.initialise({})
        end = time.monotonic() + 3
        while time.monotonic() < end:
            busy.subscribe("1", ME)
            assert busy.receive()["payload"] == {"data": {"me": {"email": email}}}
            assert busy.receive()["type"] == "complete"
            time.sleep(0.1)
        assert silent.closed_with(timeout=1) == (4403, "UNAUTHENTICATED")


def test_a_listed_origin_that_may_send_no_cookies_has_no_session(
    start_service: Callable[..., Service], session: dict[str, str]
) -> None:
    service = start_service(CORS_ORIGINS=APP)
    with socket_of(service, origin=APP, additional_headers=session) as socket:
        socket.send(type="connection_init")
        assert socket.closed_with() == (4403, "CSRF_FAILED")
