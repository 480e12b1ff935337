"""Requests that the pages of others make a browser send."""

import json
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from tests.support.accounts import PASSWORD, attempt, headers_of, log_in, new_email, register
from tests.support.paths import VERSION_HEADERS, path
from tests.support.service import Service

ME, SESSIONS, CURRENT = path("/users/me"), path("/sessions"), path("/sessions/current")
APP = "https://app.example.com"
UNSAFE = [
    ("POST", path("/auth/register"), {"email": "x@example.com", "password": PASSWORD}),
    ("PUT", f"{ME}/password", {"current_password": "x", "new_password": "plum otter cabin 47"}),
    ("DELETE", CURRENT, None),
    ("DELETE", SESSIONS, None),
]
ORIGINS: dict[str, tuple[dict[str, str], bool]] = {
    "no browser": ({}, True),
    "own origin": ({"Origin": "{own}", "Sec-Fetch-Site": "same-origin"}, True),
    "own origin, old browser": ({"Origin": "{own}"}, True),
    "another site": ({"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}, False),
    "another site, old browser": ({"Origin": "https://evil.example"}, False),
    "another site without origin": ({"Sec-Fetch-Site": "cross-site"}, False),
    "a neighbour": ({"Origin": "{own}0", "Sec-Fetch-Site": "same-site"}, False),
    "a sandbox": ({"Origin": "null"}, False),
}
TOKENS = ("right", "missing", "empty", "wrong", "of another session")


@pytest.fixture(scope="module")
def email(service: Service) -> str:
    address = new_email()
    register(service, address)
    return address


@pytest.fixture
def headers(service: Service, email: str) -> Callable[[str, str], dict[str, str]]:
    """The headers of a new session, with such an origin and such a token."""

    def make(origin: str, token: str) -> dict[str, str]:
        session = log_in(service, email)
        sent = {name: text.format(own=service.url) for name, text in ORIGINS[origin][0].items()}
        right = session.pop("X-CSRF-Token")
        tokens = {"right": right, "empty": "", "wrong": right[::-1]}
        if token == "of another session":
            tokens[token] = log_in(service, email)["X-CSRF-Token"]
        return {**session, **sent, **({"X-CSRF-Token": tokens[token]} if token in tokens else {})}

    return make


def code(response: httpx2.Response) -> str | None:
    found: str | None = response.json()["error"]["code"] if response.is_error else None
    return found


@pytest.mark.parametrize("token", TOKENS)
@pytest.mark.parametrize("origin", ORIGINS)
def test_what_changes_something_needs_the_token_and_an_origin_of_the_application(
    anonymous: httpx2.Client, headers: Callable[..., dict[str, str]], origin: str, token: str
) -> None:
    sent = headers(origin, token)
    response = anonymous.delete(CURRENT, headers=sent)
    allowed = ORIGINS[origin][1] and token == "right"
    assert code(response) == (None if allowed else "CSRF_FAILED")
    assert response.status_code == (204 if allowed else 403)
    alive = anonymous.get(ME, headers={"Cookie": sent["Cookie"]}).status_code == 200
    assert alive is not allowed


@pytest.mark.parametrize(("method", "url", "body"), UNSAFE)
@pytest.mark.parametrize("origin", ORIGINS)
def test_every_method_that_is_not_safe_is_guarded(
    anonymous: httpx2.Client,
    headers: Callable[..., dict[str, str]],
    origin: str,
    method: str,
    url: str,
    body: Any,
) -> None:
    response = anonymous.request(method, url, json=body, headers=headers(origin, "right"))
    assert (code(response) != "CSRF_FAILED") is ORIGINS[origin][1]


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
@pytest.mark.parametrize("origin", ORIGINS)
def test_safe_methods_need_no_token(
    anonymous: httpx2.Client, headers: Callable[..., dict[str, str]], origin: str, method: str
) -> None:
    response = anonymous.request(method, ME, headers=headers(origin, "missing"))
    assert response.is_success


@pytest.mark.parametrize("origin", ORIGINS)
def test_no_page_of_others_can_log_somebody_in(
    anonymous: httpx2.Client, service: Service, email: str, origin: str
) -> None:
    sent = {name: text.format(own=service.url) for name, text in ORIGINS[origin][0].items()}
    body = {"email": email, "password": PASSWORD}
    response = anonymous.post(SESSIONS, json=body, headers=sent)
    assert response.status_code == (201 if ORIGINS[origin][1] else 403)
    assert ("Set-Cookie" in response.headers) is ORIGINS[origin][1]


def test_a_login_needs_no_token_even_of_the_session_that_it_ends(
    anonymous: httpx2.Client, service: Service, email: str
) -> None:
    cookie = {"Cookie": log_in(service, email)["Cookie"]}
    body = {"email": email, "password": PASSWORD}
    assert anonymous.post(SESSIONS, json=body, headers=cookie).status_code == 201


def test_a_form_is_no_login(anonymous: httpx2.Client, email: str) -> None:
    body = json.dumps({"email": email, "password": PASSWORD})
    for media_type in ("text/plain", "application/x-www-form-urlencoded"):
        response = anonymous.post(SESSIONS, content=body, headers={"Content-Type": media_type})
        assert response.status_code == 415


def test_authentication_is_judged_before_the_token_and_the_token_before_the_body(
    anonymous: httpx2.Client, service: Service, email: str
) -> None:
    evil = {"Origin": "https://evil.example"}
    assert code(anonymous.put(f"{ME}/password", content=b"{", headers=evil)) == "UNAUTHENTICATED"
    session = log_in(service, email)
    del session["X-CSRF-Token"]
    malformed = anonymous.put(f"{ME}/password", content=b"{", headers=session)
    assert code(malformed) == "CSRF_FAILED"
    assert "WWW-Authenticate" not in malformed.headers


@pytest.mark.parametrize(
    ("credentials", "allowed"), [("true", True), ("false", False)], ids=["with", "without"]
)
def test_another_origin_may_use_sessions_where_cors_lets_it_send_cookies(
    start_service: Callable[..., Service], email: str, credentials: str, allowed: bool
) -> None:
    service = start_service(CORS_ORIGINS=APP, CORS_ALLOW_CREDENTIALS=credentials)
    page = {"Origin": APP, "Sec-Fetch-Site": "same-site", **VERSION_HEADERS}
    with service.client(headers=page) as client:
        login = attempt(client, email)
        assert code(login) == (None if allowed else "CSRF_FAILED")
        assert login.headers["Access-Control-Allow-Origin"] == APP
        if not allowed:
            assert "Access-Control-Allow-Credentials" not in login.headers
            return
        assert login.headers["Access-Control-Allow-Credentials"] == "true"
        asked = {
            "Access-Control-Request-Method": "DELETE",
            "Access-Control-Request-Headers": "x-csrf-token",
        }
        assert client.options(CURRENT, headers=asked).status_code == 204
        assert client.delete(CURRENT, headers=headers_of(login)).status_code == 204
