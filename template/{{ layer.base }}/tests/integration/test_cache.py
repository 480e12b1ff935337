"""What every cache does, whatever keeps its values."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from app.cache import Cache
from app.cache.settings import CacheSettings
from app.platform.gcra import Consumption, Limit, Rule

pytestmark = pytest.mark.anyio


@pytest.fixture
async def cache(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Cache]:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    cache = Cache(CacheSettings.load())
    yield cache
    await cache.aclose()


@pytest.fixture
def key() -> str:
    return f"test:{uuid4()}"


async def test_a_value_is_kept_until_it_is_deleted(cache: Cache, key: str) -> None:
    assert await cache.get(key) is None
    await cache.set(key, b"\x00\xff value", ttl=60)
    assert await cache.get(key) == b"\x00\xff value"
    await cache.set(key, b"other", ttl=60)
    assert await cache.get(key) == b"other"
    await cache.delete(key)
    assert await cache.get(key) is None
    await cache.delete(key)


async def test_a_value_ends_with_its_time_to_live(cache: Cache, key: str) -> None:
    await cache.set(key, b"short", ttl=0.4)
    assert await cache.get(key) == b"short"
    await asyncio.sleep(0.41)
    assert await cache.get(key) is None


async def test_a_thousand_requests_at_once_get_exactly_the_burst(cache: Cache, key: str) -> None:
    rule = Rule(key, Limit.parse("100/hour"))
    answers = await asyncio.gather(*(cache.consume([rule]) for _ in range(1000)))
    granted = [answer for (answer,) in answers if answer.allowed]
    assert sorted(answer.remaining for answer in granted) == list(range(100))


async def test_a_refusal_by_one_rule_takes_from_none(cache: Cache, key: str) -> None:
    wide = Rule(f"{key}:wide", Limit.parse("1000/hour"))
    narrow = Rule(f"{key}:narrow", Limit.parse("10/hour"))
    answers = await asyncio.gather(*(cache.consume([narrow, wide]) for _ in range(500)))
    assert sum(first.allowed and second.allowed for first, second in answers) == 10
    (left,) = await cache.consume([wide])
    assert left.remaining == 989


async def test_requests_are_earned_back(cache: Cache, key: str) -> None:
    rule = Rule(key, Limit.parse("2/second burst 2"))
    granted = [(await cache.consume([rule]))[0].allowed for _ in range(3)]
    assert granted == [True, True, False]
    await asyncio.sleep(0.51)
    assert (await cache.consume([rule]))[0].allowed


async def test_an_answer_tells_how_long_to_wait(cache: Cache, key: str) -> None:
    rule = Rule(key, Limit.parse("60/hour"), cost=45)
    (granted,) = await cache.consume([rule])
    assert granted == Consumption(remaining=15, reset_after=2700, retry_after=0)
    (refused,) = await cache.consume([rule])
    assert refused.remaining == 15
    assert refused.reset_after == pytest.approx(2700, abs=5)
    assert refused.retry_after == pytest.approx(1800, abs=5)


async def test_a_cancelled_caller_disturbs_nobody(cache: Cache, key: str) -> None:
    names = [f"{key}:{number}" for number in range(200)]
    for name in names:
        await cache.set(name, name.encode(), ttl=60)
    reads = [asyncio.create_task(cache.get(name)) for name in names]
    await asyncio.sleep(0)
    for read in reads[::3]:
        read.cancel()
    values = await asyncio.gather(*reads, return_exceptions=True)
    for name, value in zip(names, values, strict=True):
        assert value == name.encode() or isinstance(value, asyncio.CancelledError)
    assert await cache.get(names[0]) == names[0].encode()


async def test_an_answering_store_is_healthy(cache: Cache) -> None:
    await cache.ping()
