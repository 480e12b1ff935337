"""A cache server that is lost, frozen, restarted or shared."""

import asyncio
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs

from app.auth.principal import Principal
from app.cache import Cache
from app.cache.settings import CacheSettings
from app.errors import AppError, ErrorCode
from app.platform.gcra import Limit, Rule
from app.platform.metrics import rate_limit_decisions
from app.platform.rate_limit import RateLimiter, RateLimitSettings
from tests.support.valkey import Valkey

pytestmark = pytest.mark.anyio

RULE = Rule("key", Limit.parse("100/hour"))
ALICE = Principal("alice", "user", frozenset())


def settings(valkey: Valkey, **changes: object) -> CacheSettings:
    return CacheSettings.model_validate(
        {"redis_url": valkey.url, "cache_timeout_seconds": 0.3, **changes}
    )


@pytest.fixture
async def cache(valkey: Valkey) -> AsyncIterator[Cache]:
    cache = Cache(settings(valkey))
    yield cache
    await cache.aclose()


async def seconds_until_unavailable(cache: Cache) -> float:
    started = time.monotonic()
    with pytest.raises(AppError) as caught:
        await cache.get("key")
    assert caught.value.code is ErrorCode.DEPENDENCY_UNAVAILABLE
    return time.monotonic() - started


async def seconds_until_available(cache: Cache) -> float:
    started = time.monotonic()
    while time.monotonic() < started + 10:
        try:
            await cache.ping()
        except AppError:
            await asyncio.sleep(0.02)
        else:
            return time.monotonic() - started
    raise AssertionError("the cache does not recover")


async def test_a_frozen_server_fails_in_time_then_at_once_and_is_found_again(
    cache: Cache, valkey: Valkey
) -> None:
    await cache.set("key", b"value", ttl=60)
    valkey.freeze()
    failures = await asyncio.gather(*(seconds_until_unavailable(cache) for _ in range(300)))
    assert max(failures) < 2
    assert await seconds_until_unavailable(cache) < 0.2
    valkey.thaw()
    assert await seconds_until_available(cache) < 5
    assert await cache.get("key") == b"value"


async def test_a_lost_server_fails_at_once_and_is_found_again(cache: Cache, valkey: Valkey) -> None:
    await cache.set("key", b"value", ttl=60)
    valkey.stop()
    assert await seconds_until_unavailable(cache) < 2
    assert await seconds_until_unavailable(cache) < 0.2
    valkey.start()
    assert await seconds_until_available(cache) < 5
    assert await cache.get("key") is None
    assert (await cache.consume([RULE]))[0].remaining == 99


async def test_a_server_that_was_never_there_is_found_when_it_comes(tmp_path: Path) -> None:
    valkey = Valkey(tmp_path)
    cache = Cache(settings(valkey))
    assert await seconds_until_unavailable(cache) < 2
    valkey.start()
    try:
        assert await seconds_until_available(cache) < 5
    finally:
        await cache.aclose()
        valkey.stop()


async def test_connections_that_the_server_has_closed_are_replaced_unnoticed(
    cache: Cache, valkey: Valkey
) -> None:
    await asyncio.gather(*(cache.set("key", b"value", ttl=60) for _ in range(100)))
    async with Redis.from_url(valkey.url) as redis:
        await redis.client_kill_filter(_type="normal")
    assert await cache.get("key") == b"value"


async def test_a_wrong_password_is_an_unavailable_store(valkey: Valkey) -> None:
    url = valkey.url.replace("//", "//nobody:wrong@")
    cache = Cache(settings(valkey, redis_url=url))
    await seconds_until_unavailable(cache)
    await cache.aclose()


async def test_a_server_that_forgot_the_script_is_taught_it_again(
    cache: Cache, valkey: Valkey
) -> None:
    await cache.consume([RULE])
    async with Redis.from_url(valkey.url) as redis:
        await redis.script_flush()
    assert (await cache.consume([RULE]))[0].remaining == 98


async def test_a_clock_set_back_locks_nobody_out_for_longer_than_the_window(
    cache: Cache, valkey: Valkey
) -> None:
    async with Redis.from_url(valkey.url) as redis:
        await redis.set("app:key", (int(time.time()) + 86_400) * 1_000_000)
    (answer,) = await cache.consume([RULE])
    assert answer == (0, 3600, 36)


async def test_keys_carry_the_prefix_and_end_when_the_bucket_is_full(
    cache: Cache, valkey: Valkey
) -> None:
    await cache.consume([RULE])
    async with Redis.from_url(valkey.url) as redis:
        assert await redis.keys() == [b"app:key"]
        assert 35_000 < await redis.pttl("app:key") <= 36_000


async def _count_granted(url: str) -> int:
    cache = Cache(CacheSettings.model_validate({"redis_url": url}))
    answers = await asyncio.gather(*(cache.consume([RULE]) for _ in range(250)))
    await cache.aclose()
    return sum(answer.allowed for (answer,) in answers)


def _granted(url: str) -> int:
    return asyncio.run(_count_granted(url))


def test_instances_share_one_limit_exactly(valkey: Valkey) -> None:
    with ThreadPoolExecutor(4) as instances:
        assert sum(instances.map(_granted, [valkey.url] * 4)) == 100


def decisions(scope: str, outcome: str) -> float:
    (metric,) = rate_limit_decisions.collect()
    wanted = {"scope": scope, "outcome": outcome}
    return sum(
        sample.value
        for sample in metric.samples
        if sample.labels == wanted and sample.name.endswith("_total")
    )


async def test_requests_pass_while_the_store_is_away_counted_and_logged_once(
    cache: Cache, valkey: Valkey
) -> None:
    limiter = RateLimiter(cache, RateLimitSettings(rate_limit_principal=Limit.parse("1/hour")))
    assert (await limiter.check(ALICE, "192.0.2.1")).allowed
    assert not (await limiter.check(ALICE, "192.0.2.1")).allowed
    before = decisions("principal", "failed_open")
    valkey.stop()
    with capture_logs() as logs:
        states = [await limiter.check(ALICE, "192.0.2.1") for _ in range(50)]
    assert all(state.allowed and not state.headers() for state in states)
    assert decisions("principal", "failed_open") == before + 50
    assert len([line for line in logs if line["event"] == "rate_limit_failed_open"]) == 1
