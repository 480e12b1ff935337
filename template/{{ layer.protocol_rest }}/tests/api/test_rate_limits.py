"""What a caller meets who calls too often."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import httpx2
import pytest

from tests.support.accounts import sign_in
from tests.support.paths import VERSION_HEADERS, path
from tests.support.service import Service, running_service

ORDERS = path("/orders")


@pytest.fixture(scope="module")
def strict(environment: dict[str, str], scratch: Path) -> Iterator[Service]:
    """A service that gives each principal three requests."""
    limits = {"RATE_LIMIT_PRINCIPAL": "60/minute burst 3"}
    with running_service(environment, scratch, changes=limits) as service:
        yield service


def test_every_answer_tells_what_is_left(strict: Service) -> None:
    with strict.client(headers=sign_in(strict)) as client:
        answers = [client.get(ORDERS), client.get(f"{ORDERS}/nonsense"), client.post(ORDERS)]
    assert [answer.status_code for answer in answers] == [200, 422, 415]
    assert answers[0].headers["X-RateLimit-Remaining"] == "2"
    for answer in answers:
        remaining = answer.headers["X-RateLimit-Remaining"]
        reset = answer.headers["X-RateLimit-Reset"]
        assert int(remaining) + int(reset) == 3
        assert answer.headers["X-RateLimit-Limit"] == "3"
        assert answer.headers["RateLimit-Policy"] == '"principal";q=3;w=3'
        assert answer.headers["RateLimit"] == f'"principal";r={remaining};t={reset}'
        assert "Retry-After" not in answer.headers


def test_one_request_too_many_is_refused_until_the_time_it_is_told(strict: Service) -> None:
    with strict.client(headers=sign_in(strict)) as client:
        refused = first_refusal(client)
        error = refused.json()["error"]
        assert error["code"] == "RATE_LIMITED"
        assert error["retryable"] is True
        assert error["request_id"] == refused.headers["X-Request-ID"]
        assert refused.headers["Retry-After"] == "1"
        assert refused.headers["X-RateLimit-Remaining"] == "0"
        assert refused.headers["RateLimit"] == '"principal";r=0;t=1'
        time.sleep(float(refused.headers["Retry-After"]))
        assert client.get(ORDERS).status_code == 200


def test_another_principal_at_the_same_address_is_not_affected(strict: Service) -> None:
    with (
        strict.client(headers=sign_in(strict)) as alice,
        strict.client(headers=sign_in(strict)) as bob,
    ):
        first_refusal(alice)
        assert bob.get(ORDERS).status_code == 200


def first_refusal(client: httpx2.Client) -> httpx2.Response:
    for _ in range(100):
        answer = client.get(ORDERS)
        if answer.status_code != 200:
            assert answer.status_code == 429
            return answer
    raise AssertionError("nothing is refused")


def test_a_forged_address_does_not_escape_the_limit(start_service: Callable[..., Service]) -> None:
    service = start_service(
        RATE_LIMIT_ADDRESS="3/hour", CACHE_KEY_PREFIX=f"test-forged-{uuid4().hex}:"
    )
    forged = [
        {"X-Forwarded-For": "203.0.113.1"},
        {"X-Forwarded-For": "203.0.113.2, 203.0.113.3"},
        {"X-Real-IP": "203.0.113.4"},
        {"Forwarded": "for=203.0.113.5"},
        {"X-Forwarded-For": "203.0.113.6"},
    ]
    with service.client(headers=VERSION_HEADERS) as client:
        answers = [client.get(ORDERS, headers=headers).status_code for headers in forged]
        assert answers == [401, 401, 401, 429, 429]
        for operation in ("/health", "/health/live", "/health/ready", "/metrics"):
            answer = client.get(operation)
            assert answer.status_code == 200, "operations are not limited"
            assert "X-RateLimit-Limit" not in answer.headers
        refused = 'rate_limit_decisions_total{outcome="refused",scope="address"} 2.0'
        assert refused in client.get("/metrics").text


def test_callers_behind_a_trusted_proxy_are_told_apart(
    start_service: Callable[..., Service],
) -> None:
    service = start_service(
        RATE_LIMIT_ADDRESS="1/hour",
        TRUSTED_PROXIES="127.0.0.1",
        CACHE_KEY_PREFIX=f"test-proxy-{uuid4().hex}:",
    )
    chains = [
        "198.51.100.1, 203.0.113.1",
        "198.51.100.2, 203.0.113.1",
        "198.51.100.2, 203.0.113.2",
        "198.51.100.2, 2001:db8::1",
        "198.51.100.2, 2001:db8::2",
    ]
    with service.client(headers=VERSION_HEADERS) as client:
        answers = [
            client.get(ORDERS, headers={"X-Forwarded-For": chain}).status_code for chain in chains
        ]
    assert answers == [401, 429, 401, 401, 429]
