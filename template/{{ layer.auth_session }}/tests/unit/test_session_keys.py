"""The ids of sessions, their cookie, and how long a session lasts."""

import hashlib
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from fastapi import Response

from app.auth.authentication import AuthRequest
from app.auth.cookie import SessionCookie
from app.auth.principal import Role
from app.auth.sessions import Lifetime, Session, SessionKey
from app.auth.settings import AuthSettings
from app.errors import AppError, ErrorCode

NOW = datetime(2026, 11, 21, tzinfo=UTC)
KEY = SessionKey.new()


def cookie(*, secure: bool = True) -> SessionCookie:
    return SessionCookie(AuthSettings.model_validate({"session_cookie_secure": secure}))


def request(header: str) -> AuthRequest:
    return AuthRequest("GET", {"cookie": header})


def test_a_key_is_256_random_bits_stored_as_their_hash() -> None:
    assert len({SessionKey.new().text for _ in range(100)}) == 100
    assert len(KEY.text) == 43
    assert KEY.digest == hashlib.sha256(KEY.text.encode()).digest()
    assert SessionKey.parse(KEY.text) == KEY


def test_the_csrf_token_follows_from_the_key_and_tells_nothing_of_it() -> None:
    assert KEY.csrf_token == SessionKey(KEY.text).csrf_token
    assert KEY.csrf_token != SessionKey.new().csrf_token
    assert SessionKey.parse(KEY.csrf_token) != KEY
    assert KEY.digest.hex() not in KEY.csrf_token


def test_the_cookie_is_for_this_host_alone_and_out_of_reach_of_scripts() -> None:
    response = Response()
    cookie().write(response, KEY)
    name, *attributes = response.headers["Set-Cookie"].split("; ")
    assert name == f"__Host-session={KEY.text}"
    assert sorted(attributes) == ["HttpOnly", "Path=/", "SameSite=lax", "Secure"]


def test_a_removed_cookie_keeps_its_attributes_as_browsers_demand() -> None:
    response = Response()
    cookie().remove(response)
    name, *attributes = response.headers["Set-Cookie"].split("; ")
    assert name == '__Host-session=""'
    assert {"HttpOnly", "Max-Age=0", "Path=/", "SameSite=lax", "Secure"} <= {*attributes}


def test_without_tls_the_cookie_has_no_prefix_that_promises_some() -> None:
    response = Response()
    cookie(secure=False).write(response, KEY)
    name, *attributes = response.headers["Set-Cookie"].split("; ")
    assert name == f"session={KEY.text}"
    assert sorted(attributes) == ["HttpOnly", "Path=/", "SameSite=lax"]
    assert cookie(secure=False).read(request(f"session={KEY.text}")) == KEY
    assert cookie().read(request(f"session={KEY.text}")) is None


@pytest.mark.parametrize("header", ["{}", "a=b; {}", "{};a=b", "a; {} ;=b", "a=b=c; {}"])
def test_the_cookie_is_found_among_others(header: str) -> None:
    assert cookie().read(request(header.format(f"__Host-session={KEY.text}"))) == KEY


@pytest.mark.parametrize("header", ["", "a=b", "__host-session=x", "x__Host-session=x", ";;"])
def test_other_cookies_are_no_session(header: str) -> None:
    assert cookie().read(request(header)) is None


@pytest.mark.parametrize(
    "values", [("",), ("x",), (KEY.text + "x",), (f'"{KEY.text}"',), (KEY.text, KEY.text)]
)
def test_a_cookie_that_can_be_no_session_is_refused(values: tuple[str, ...]) -> None:
    header = "; ".join(f"__Host-session={value}" for value in values)
    with pytest.raises(AppError) as raised:
        cookie().read(request(header))
    assert raised.value.code is ErrorCode.UNAUTHENTICATED


def used(*, created: int, expires: int) -> Session:
    """A session that began and ends so many seconds from now."""
    created_at, expires_at = (NOW + timedelta(seconds=seconds) for seconds in (created, expires))
    return Session(uuid4(), KEY.digest, uuid4(), Role.MEMBER, created_at, expires_at)


@pytest.mark.parametrize(
    ("created", "expires", "later"),
    [
        (0, 1800, None),
        (-59, 1741, None),
        (-60, 1740, 1800),
        (-1790, 10, 1800),
        (-43_000, 60, 200),
        (-43_000, 190, None),
        (-43_000, 200, None),
    ],
)
def test_use_moves_the_expiry_at_most_once_a_minute_and_up_to_the_longest_time(
    created: int, expires: int, later: int | None
) -> None:
    lifetime = Lifetime(idle=1800, absolute=43_200)
    expected = None if later is None else NOW + timedelta(seconds=later)
    assert lifetime.later_expiry(used(created=created, expires=expires), NOW) == expected


def test_a_short_rest_is_moved_more_often() -> None:
    lifetime = Lifetime(idle=20, absolute=43_200)
    assert lifetime.later_expiry(used(created=-2, expires=18), NOW) == NOW + timedelta(seconds=20)


def test_production_wants_a_secure_cookie() -> None:
    weak = AuthSettings.model_validate({"session_cookie_secure": False})
    assert list(weak.production_faults()) == ["SESSION_COOKIE_SECURE: must be on"]
    assert list(AuthSettings().production_faults()) == []


@pytest.mark.parametrize("name", ["session_idle_seconds", "session_absolute_seconds"])
def test_a_time_that_no_clock_reaches_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        AuthSettings.model_validate({name: 10**15})
