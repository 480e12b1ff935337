"""The bounds of a cache that lives in the process."""

import pytest

from app.cache import Cache
from app.cache.settings import CacheSettings

pytestmark = pytest.mark.anyio


async def test_values_are_bounded_and_the_least_recently_used_is_forgotten() -> None:
    cache = Cache(CacheSettings(cache_max_keys=3))
    for key in ("a", "b", "c"):
        await cache.set(key, key.encode(), ttl=60)
    assert await cache.get("a") == b"a"
    await cache.set("d", b"d", ttl=60)
    assert [await cache.get(key) for key in ("a", "b", "c", "d")] == [b"a", None, b"c", b"d"]
