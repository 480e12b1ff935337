"""Sessions as a client sees them."""

import re
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import httpx2
import pytest

from tests.support.accounts import PASSWORD, attempt, headers_of, log_in, new_email, register
from tests.support.paths import VERSION_HEADERS, path
from tests.support.service import Service, running_service

SESSIONS, CURRENT, ME = path("/sessions"), path("/sessions/current"), path("/users/me")
OTHER_PASSWORD = "violet-teapot-4821"
TIMES = ("created_at", "expires_at")


@pytest.fixture(scope="module")
def email(service: Service) -> str:
    address = new_email()
    register(service, address)
    return address


@pytest.fixture
def session(service: Service, email: str) -> dict[str, str]:
    """The headers of a new session."""
    return log_in(service, email)


def alive(client: httpx2.Client, session: dict[str, str]) -> bool:
    response = client.get(ME, headers=session)
    assert response.status_code in {200, 401}
    return response.status_code == 200


def test_a_login_sets_the_cookie_and_tells_the_csrf_token(
    anonymous: httpx2.Client, email: str
) -> None:
    login = attempt(anonymous, email)
    assert login.status_code == 201
    assert login.headers["Location"] == CURRENT
    assert login.json().keys() == {"csrf_token", "created_at", "expires_at"}
    created, expires = (datetime.fromisoformat(login.json()[name]) for name in TIMES)
    assert (expires - created).total_seconds() == 1800
    name, *attributes = login.headers["Set-Cookie"].split("; ")
    assert re.fullmatch(r"__Host-session=[A-Za-z0-9_-]{43}", name)
    assert sorted(attributes) == ["HttpOnly", "Path=/", "SameSite=lax", "Secure"]
    assert login.headers["Cache-Control"] == "no-store"
    assert name.partition("=")[2] not in login.text


def test_a_page_that_is_loaded_anew_asks_for_the_token(
    anonymous: httpx2.Client, email: str
) -> None:
    login = attempt(anonymous, email)
    cookie = {"Cookie": headers_of(login)["Cookie"]}
    current = anonymous.get(CURRENT, headers=cookie)
    assert current.json() == login.json()
    assert "Set-Cookie" not in current.headers
    assert anonymous.get(CURRENT).status_code == 401


def test_each_login_has_an_id_of_its_own_and_takes_none_that_was_planted(
    anonymous: httpx2.Client, email: str
) -> None:
    planted = {"Cookie": "__Host-session=" + "A" * 43}
    body = {"email": email, "password": PASSWORD}
    first = anonymous.post(SESSIONS, json=body, headers=planted)
    second = attempt(anonymous, email)
    cookies = {login.headers["Set-Cookie"].partition(";")[0] for login in (first, second)}
    assert len(cookies) == 2
    assert planted["Cookie"] not in cookies
    assert not alive(anonymous, planted)
    assert alive(anonymous, headers_of(first))
    assert alive(anonymous, headers_of(second))


def test_a_login_ends_the_session_that_it_came_with_whoever_it_was(
    anonymous: httpx2.Client, service: Service, email: str, session: dict[str, str]
) -> None:
    somebody = new_email()
    register(service, somebody)
    before = log_in(service, somebody)
    for cookie in (before, session):
        body = {"email": email, "password": PASSWORD}
        login = anonymous.post(SESSIONS, json=body, headers={"Cookie": cookie["Cookie"]})
        assert login.status_code == 201
        assert not alive(anonymous, cookie)
        assert alive(anonymous, headers_of(login))


def test_a_login_that_fails_ends_nothing(
    anonymous: httpx2.Client, email: str, session: dict[str, str]
) -> None:
    body = {"email": email, "password": OTHER_PASSWORD}
    failed = anonymous.post(SESSIONS, json=body, headers={"Cookie": session["Cookie"]})
    assert failed.status_code == 401
    assert "Set-Cookie" not in failed.headers
    assert alive(anonymous, session)


def test_logging_out_ends_this_session_and_takes_the_cookie(
    anonymous: httpx2.Client, service: Service, email: str, session: dict[str, str]
) -> None:
    other = log_in(service, email)
    ended = anonymous.delete(CURRENT, headers=session)
    assert (ended.status_code, ended.content) == (204, b"")
    removed = ended.headers["Set-Cookie"]
    assert removed.startswith('__Host-session="";')
    assert "Max-Age=0" in removed
    assert "Secure" in removed
    assert not alive(anonymous, session)
    assert anonymous.delete(CURRENT, headers=session).status_code == 401
    assert alive(anonymous, other)


def test_logging_out_everywhere_ends_every_session_of_the_account(
    anonymous: httpx2.Client, service: Service, member: httpx2.Client
) -> None:
    email = new_email()
    register(service, email)
    sessions = [log_in(service, email) for _ in range(3)]
    ended = anonymous.delete(SESSIONS, headers=sessions[0])
    assert (ended.status_code, ended.content) == (204, b"")
    assert "Max-Age=0" in ended.headers["Set-Cookie"]
    assert not any(alive(anonymous, session) for session in sessions)
    assert member.get(ME).status_code == 200
    assert alive(anonymous, log_in(service, email))


def test_a_new_password_gives_the_session_a_new_id(
    anonymous: httpx2.Client, service: Service
) -> None:
    email = new_email()
    register(service, email)
    old = log_in(service, email)
    body = {"current_password": PASSWORD, "new_password": OTHER_PASSWORD}
    changed = anonymous.put(f"{ME}/password", json=body, headers=old)
    cookie = changed.headers["Set-Cookie"].partition(";")[0]
    new = {"Cookie": cookie, "X-CSRF-Token": changed.headers["X-CSRF-Token"], **VERSION_HEADERS}
    assert new["Cookie"] != old["Cookie"]
    assert new["X-CSRF-Token"] != old["X-CSRF-Token"]
    assert not alive(anonymous, old)
    assert alive(anonymous, new)
    assert anonymous.delete(CURRENT, headers=new).status_code == 204


def test_a_password_that_is_not_changed_leaves_the_id(
    anonymous: httpx2.Client, session: dict[str, str]
) -> None:
    body = {"current_password": OTHER_PASSWORD, "new_password": "plum otter cabin 47"}
    failed = anonymous.put(f"{ME}/password", json=body, headers=session)
    assert failed.status_code == 422
    assert "Set-Cookie" not in failed.headers
    assert alive(anonymous, session)


@pytest.mark.parametrize(
    "cookie",
    [
        "__Host-session=",
        "__Host-session=x",
        "__Host-session=" + "A" * 43,
        "__Host-session=" + "A" * 4000,
        "__Host-session=é",
        f"__Host-session={'A' * 43}; __Host-session={'B' * 43}",
    ],
)
def test_a_bad_cookie_is_refused(anonymous: httpx2.Client, cookie: str) -> None:
    response = anonymous.get(ME, headers={b"Cookie": cookie.encode()})
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'
    assert response.json()["error"]["code"] == "UNAUTHENTICATED"


def test_a_missing_cookie_is_asked_for(anonymous: httpx2.Client) -> None:
    for headers in ({}, {"Cookie": "theme=dark"}):
        response = anonymous.get(ME, headers=headers)
        assert response.status_code == 401
        assert response.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("space", [b"\xa0", b"\x85", "\u2000".encode()])
def test_a_cookie_that_a_neighbour_planted_is_another(
    anonymous: httpx2.Client, session: dict[str, str], space: bytes
) -> None:
    response = anonymous.get(ME, headers={b"Cookie": space + session["Cookie"].encode()})
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("authorization", ["Bearer x", "Bearer a.b.c", "Basic YTpi", "x", ""])
def test_no_other_credential_is_taken(
    anonymous: httpx2.Client, session: dict[str, str], authorization: str
) -> None:
    for headers in ({}, session):
        response = anonymous.get(ME, headers={**headers, "Authorization": authorization})
        assert response.status_code == 401
        assert response.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'


def test_a_token_in_the_query_string_is_refused(
    anonymous: httpx2.Client, session: dict[str, str]
) -> None:
    key = session["Cookie"].partition("=")[2]
    for headers in ({}, session):
        response = anonymous.get(ME, params={"access_token": key}, headers=headers)
        assert response.status_code == 401
        assert key not in response.text


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"email", "password"}),
        ({"email": "", "password": ""}, {"email", "password"}),
        ({"email": "ada@example.com", "password": "x" * 129}, {"password"}),
        ({"email": 1, "password": None}, {"email", "password"}),
        ({"email": "ada@example.com", "password": "x", "remember": True}, {"remember"}),
    ],
)
def test_every_fault_of_a_login_is_named(
    anonymous: httpx2.Client, body: dict[str, object], fields: set[str]
) -> None:
    response = anonymous.post(SESSIONS, json=body)
    assert response.status_code == 422
    assert {detail["field"] for detail in response.json()["error"]["details"]} == fields


def test_the_life_of_a_session_is_audited_and_counted(
    anonymous: httpx2.Client, service: Service, admin: httpx2.Client
) -> None:
    email = new_email()
    register(service, email)
    session = log_in(service, email)
    user_id = anonymous.get(ME, headers=session).json()["id"]
    anonymous.delete(CURRENT, headers=session)
    anonymous.delete(SESSIONS, headers=log_in(service, email))
    events = admin.get(path("/audit-events"), params={"object": f"user/{user_id}"}).json()["data"]
    assert [event["action"] for event in reversed(events)] == [
        "user.register",
        "auth.login",
        "auth.log_out",
        "auth.login",
        "auth.log_out_everywhere",
    ]
    assert {event["actor"] for event in events[:4]} == {user_id}
    metrics = anonymous.get("/metrics").text
    for event in ("login", "log_out", "log_out_everywhere"):
        assert f'auth_events_total{{event="{event}",outcome="success"}}' in metrics


def test_no_secret_reaches_the_log(
    anonymous: httpx2.Client, service: Service, session: dict[str, str]
) -> None:
    key = session["Cookie"].partition("=")[2]
    attempt(anonymous, new_email(), "a-password-of-nobody")
    assert alive(anonymous, session)
    anonymous.get(ME, params={"access_token": key})
    anonymous.get(ME, headers={"Authorization": f"Bearer {key}"})
    anonymous.delete(CURRENT, headers=session)
    output = service.output()
    for secret in ("a-password-of-nobody", PASSWORD, key, session["X-CSRF-Token"]):
        assert secret not in output


@pytest.fixture(scope="module")
def brief(environment: dict[str, str], scratch: Path) -> Iterator[Service]:
    """A service for clients without TLS, whose sessions do not last."""
    settings = {
        "SESSION_COOKIE_SECURE": "false",
        "SESSION_IDLE_SECONDS": "2",
        "SESSION_ABSOLUTE_SECONDS": "4",
    }
    with running_service(environment, scratch, changes=settings) as service:
        yield service


def test_a_browser_goes_on_by_its_cookies_until_it_rests(brief: Service, email: str) -> None:
    with brief.client(headers=VERSION_HEADERS) as browser:
        token = attempt(browser, email).json()["csrf_token"]
        browser.headers["X-CSRF-Token"] = token
        for _ in range(3):
            time.sleep(0.9)
            assert browser.get(ME).status_code == 200
        assert browser.get(CURRENT).json()["csrf_token"] == token
        time.sleep(2.1)
        assert browser.get(ME).status_code == 401
        browser.headers["X-CSRF-Token"] = attempt(browser, email).json()["csrf_token"]
        assert browser.delete(CURRENT).status_code == 204
        assert dict(browser.cookies) == {}
        assert browser.get(ME).headers["WWW-Authenticate"] == "Bearer"


def test_a_session_in_use_ends_at_its_longest_time(brief: Service, email: str) -> None:
    with brief.client(headers=VERSION_HEADERS) as browser:
        attempt(browser, email).raise_for_status()
        began = time.monotonic()
        while browser.get(ME).status_code == 200:
            assert time.monotonic() - began < 6
            time.sleep(0.2)
        assert time.monotonic() - began > 3.5


def test_a_session_of_one_instance_is_one_of_all(
    service: Service, brief: Service, email: str
) -> None:
    with service.client() as one, brief.client() as other:
        session = log_in(service, email)
        elsewhere = {**session, "Cookie": session["Cookie"].removeprefix("__Host-")}
        assert alive(other, elsewhere)
        assert one.delete(CURRENT, headers=session).status_code == 204
        assert not alive(other, elsewhere)
