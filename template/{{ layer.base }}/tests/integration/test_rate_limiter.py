"""How the limiter charges callers and what it answers, on the configured cache."""

from collections.abc import AsyncIterator, Callable
from uuid import uuid4

import pytest

from app.auth.principal import Principal
from app.cache import Cache
from app.cache.settings import CacheSettings
from app.errors import ErrorCode
from app.platform.gcra import Limit
from app.platform.rate_limit import RateLimiter, RateLimitSettings

pytestmark = pytest.mark.anyio

Start = Callable[..., RateLimiter]
WIDE = Limit.parse("1000000/minute")


def principal() -> Principal:
    return Principal(str(uuid4()), "user", frozenset())


@pytest.fixture
async def start(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Start]:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("CACHE_KEY_PREFIX", f"test-{uuid4()}:")
    cache = Cache(CacheSettings.load())
    wide = dict.fromkeys(RateLimitSettings.model_fields, WIDE) | {"rate_limit_enabled": True}

    def limiter(**limits: object) -> RateLimiter:
        return RateLimiter(cache, RateLimitSettings.model_validate(wide | limits))

    yield limiter
    await cache.aclose()


async def test_a_principal_is_told_its_limit_and_what_is_left(start: Start) -> None:
    limiter, alice = start(rate_limit_principal=Limit.parse("60/minute burst 3")), principal()
    state = await limiter.check(alice, "192.0.2.1")
    assert state.headers() == {
        "X-RateLimit-Limit": "3",
        "X-RateLimit-Remaining": "2",
        "X-RateLimit-Reset": "1",
        "RateLimit-Policy": '"principal";q=3;w=3',
        "RateLimit": '"principal";r=2;t=1',
    }


async def test_a_refused_principal_is_told_when_to_come_back(start: Start) -> None:
    limiter, alice = start(rate_limit_principal=Limit.parse("1/minute")), principal()
    await limiter.check(alice, "192.0.2.1")
    refused = await limiter.check(alice, "192.0.2.1")
    assert not refused.allowed
    error = refused.error()
    assert error.code is ErrorCode.RATE_LIMITED
    assert error.retry_after == pytest.approx(60, abs=2)
    assert error.headers["RateLimit"] == '"principal";r=0;t=60'
    assert error.headers["X-RateLimit-Remaining"] == "0"


async def test_principals_are_charged_apart_wherever_they_call_from(start: Start) -> None:
    limiter = start(
        rate_limit_principal=Limit.parse("1/minute"), rate_limit_address=Limit.parse("1/minute")
    )
    alice, bob = principal(), principal()
    assert (await limiter.check(alice, "192.0.2.1")).allowed
    assert (await limiter.check(bob, "192.0.2.1")).allowed
    assert not (await limiter.check(alice, "192.0.2.2")).allowed


async def test_anonymous_callers_are_charged_by_address(start: Start) -> None:
    limiter = start(rate_limit_address=Limit.parse("1/minute"))
    first = await limiter.check(None, "2001:db8::1")
    assert first.headers()["RateLimit-Policy"] == '"address";q=1;w=60'
    assert not (await limiter.check(None, "2001:db8::2")).allowed
    assert (await limiter.check(None, "192.0.2.1")).allowed
    assert (await limiter.check(principal(), "2001:db8::1")).allowed


async def test_the_service_as_a_whole_refuses_everybody(start: Start) -> None:
    limiter = start(rate_limit_global=Limit.parse("2/minute"))
    alice = principal()
    assert (await limiter.check(alice, "192.0.2.1")).headers()["X-RateLimit-Limit"] == "1000000"
    assert (await limiter.check(None, "192.0.2.1")).allowed
    refused = await limiter.check(principal(), "192.0.2.2")
    assert not refused.allowed
    assert refused.headers()["RateLimit-Policy"] == '"global";q=2;w=60'


async def test_a_costly_request_takes_more(start: Start) -> None:
    limiter, alice = start(rate_limit_principal=Limit.parse("100/hour")), principal()
    assert (await limiter.check(alice, "192.0.2.1", cost=40)).remaining == 60
    assert (await limiter.check(alice, "192.0.2.1", cost=60)).remaining == 0
    assert not (await limiter.check(alice, "192.0.2.1")).allowed


async def test_limits_that_are_off_say_nothing(start: Start) -> None:
    limiter = start(rate_limit_enabled=False, rate_limit_principal=Limit.parse("1/minute"))
    alice = principal()
    for _ in range(3):
        state = await limiter.check(alice, "192.0.2.1")
        assert state.allowed
        assert state.headers() == {}
