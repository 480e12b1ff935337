"""What a caller meets who calls too often."""

import time
from collections.abc import Callable

import pytest

from tests.support.accounts import PASSWORD, new_email, register, sign_in
from tests.support.paths import VERSION_HEADERS, path
from tests.support.service import Service

ORDERS = path("/orders")
Start = Callable[..., Service]


def test_every_answer_tells_what_is_left(start_service: Start) -> None:
    service = start_service(RATE_LIMIT_PRINCIPAL="60/minute burst 10")
    with service.client(headers=sign_in(service)) as client:
        answers = [client.get(ORDERS), client.get(f"{ORDERS}/nonsense"), client.post(ORDERS)]
    assert [answer.headers["X-RateLimit-Remaining"] for answer in answers] == ["9", "8", "7"]
    for answer in answers:
        assert answer.headers["X-RateLimit-Limit"] == "10"
        assert answer.headers["RateLimit-Policy"] == '"principal";q=10;w=10'
        assert "Retry-After" not in answer.headers
    assert answers[2].headers["RateLimit"] == '"principal";r=7;t=3'
    assert answers[2].headers["X-RateLimit-Reset"] == "3"


def test_one_request_too_many_is_refused_until_the_time_it_is_told(start_service: Start) -> None:
    service = start_service(RATE_LIMIT_PRINCIPAL="60/minute burst 2")
    with service.client(headers=sign_in(service)) as client:
        answers = [client.get(ORDERS) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        refused = answers[2]
        error = refused.json()["error"]
        assert error["code"] == "RATE_LIMITED"
        assert error["retryable"] is True
        assert error["request_id"] == refused.headers["X-Request-ID"]
        assert refused.headers["Retry-After"] == "1"
        assert refused.headers["X-RateLimit-Remaining"] == "0"
        assert refused.headers["RateLimit"] == '"principal";r=0;t=1'
        time.sleep(float(refused.headers["Retry-After"]))
        assert client.get(ORDERS).status_code == 200


def test_another_principal_at_the_same_address_is_not_affected(start_service: Start) -> None:
    service = start_service(RATE_LIMIT_PRINCIPAL="1/hour")
    alice, bob = sign_in(service), sign_in(service)
    with service.client() as client:
        assert client.get(ORDERS, headers=alice).status_code == 200
        assert client.get(ORDERS, headers=alice).status_code == 429
        assert client.get(ORDERS, headers=bob).status_code == 200


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP"])
def test_a_forged_address_does_not_escape_the_limit(start_service: Start, header: str) -> None:
    service = start_service(RATE_LIMIT_ADDRESS="3/hour", CACHE_KEY_PREFIX=f"test-{header}:")
    with service.client(headers=VERSION_HEADERS) as client:
        answers = [
            client.get(ORDERS, headers={header: f"for=203.0.113.{n}, 203.0.113.{n}"})
            for n in range(5)
        ]
    assert [answer.status_code for answer in answers] == [401, 401, 401, 429, 429]


def test_callers_behind_a_trusted_proxy_are_told_apart(start_service: Start) -> None:
    service = start_service(
        RATE_LIMIT_ADDRESS="1/hour", TRUSTED_PROXIES="127.0.0.1", CACHE_KEY_PREFIX="test-proxy:"
    )
    with service.client(headers=VERSION_HEADERS) as client:
        answers = [
            client.get(ORDERS, headers={"X-Forwarded-For": f"{forged}, {address}"}).status_code
            for forged, address in [
                ("198.51.100.1", "203.0.113.1"),
                ("198.51.100.2", "203.0.113.1"),
                ("198.51.100.2", "203.0.113.2"),
                ("198.51.100.2", "2001:db8::1"),
                ("198.51.100.2", "2001:db8::2"),
            ]
        ]
    assert answers == [401, 429, 401, 401, 429]


def test_operations_are_not_limited(start_service: Start) -> None:
    service = start_service(RATE_LIMIT_GLOBAL="1/hour", CACHE_KEY_PREFIX="test-operations:")
    with service.client(headers=VERSION_HEADERS) as client:
        assert [client.get(ORDERS).status_code for _ in range(2)] == [401, 429]
        for operation in ("/health", "/health/live", "/health/ready", "/metrics"):
            answer = client.get(operation)
            assert answer.status_code == 200
            assert "X-RateLimit-Limit" not in answer.headers
        assert 'outcome="refused",scope="global"' in client.get("/metrics").text


def test_login_has_a_strict_limit_of_its_own(start_service: Start) -> None:
    service = start_service(RATE_LIMIT_LOGIN_ACCOUNT="2/hour")
    email = new_email()
    register(service, email)
    forms = [
        {"grant_type": "password", "username": name, "password": password}
        for name, password in [
            (email, "wrong-horse-battery"),
            (email.upper(), "wrong-horse-battery"),
            (email, PASSWORD),
        ]
    ]
    with service.client(headers=VERSION_HEADERS) as client:
        answers = [client.post(path("/auth/token"), data=form) for form in forms]
    assert [answer.status_code for answer in answers] == [401, 401, 429]
    assert int(answers[2].headers["Retry-After"]) == pytest.approx(1800, abs=10)
    assert answers[2].headers["X-RateLimit-Limit"] == "2"
