"""Which requests come from a page of the application."""

import pytest

from app.auth.csrf import CsrfGuard
from app.auth.sessions import SessionKey
from app.errors import AppError, ErrorCode

HOST = {"host": "api.example.com"}
TRUSTED = "https://app.example.com"
KEY = SessionKey.new()
TOKEN = {"x-csrf-token": KEY.csrf_token}
GUARD = CsrfGuard([TRUSTED])


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "https://api.example.com"},
        {"origin": "https://api.example.com", "sec-fetch-site": "same-origin"},
        {"sec-fetch-site": "same-origin"},
        {"sec-fetch-site": "none"},
        {"origin": TRUSTED},
        {"origin": TRUSTED, "sec-fetch-site": "same-site"},
    ],
)
def test_pages_of_the_application_may_call(headers: dict[str, str]) -> None:
    GUARD.check(HOST | TOKEN | headers, KEY)


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "https://evil.example", "sec-fetch-site": "cross-site"},
        {"origin": "https://evil.example", "sec-fetch-site": "same-origin"},
        {"origin": "https://api.example.com", "sec-fetch-site": "cross-site"},
        {"origin": "https://api.example.com:8443"},
        {"origin": "https://api.example.com.evil.example"},
        {"origin": "https://other.example.com", "sec-fetch-site": "same-site"},
        {"origin": "http://app.example.com"},
        {"origin": "null"},
        {"origin": ""},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "anything"},
    ],
)
def test_pages_of_others_may_not_even_with_the_token(headers: dict[str, str]) -> None:
    with pytest.raises(AppError) as raised:
        GUARD.check(HOST | TOKEN | headers, KEY)
    assert raised.value.code is ErrorCode.CSRF_FAILED


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-csrf-token": ""},
        {"x-csrf-token": "é"},
        {"x-csrf-token": KEY.text},
        {"x-csrf-token": KEY.csrf_token[:-1]},
        {"x-csrf-token": KEY.csrf_token + "x"},
        {"x-csrf-token": SessionKey.new().csrf_token},
    ],
)
def test_only_the_token_of_the_session_will_do(headers: dict[str, str]) -> None:
    with pytest.raises(AppError) as raised:
        GUARD.check(HOST | headers, KEY)
    assert raised.value.code is ErrorCode.CSRF_FAILED


def test_without_trusted_origins_there_is_the_service_alone() -> None:
    guard = CsrfGuard(())
    guard.check_origin(HOST | {"origin": "https://API.example.com".lower()})
    with pytest.raises(AppError):
        guard.check_origin(HOST | {"origin": TRUSTED})
