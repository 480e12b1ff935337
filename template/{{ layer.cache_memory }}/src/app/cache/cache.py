"""The cache of a service that runs as one process."""

import time
from collections import OrderedDict
from collections.abc import Sequence

from app.cache.settings import CacheSettings
from app.platform.gcra import Consumption, GcraStore, Rule


class Cache:
    """Values with a time to live, and the buckets of the rate limits, in this process alone.

    The least recently used are forgotten beyond `CACHE_MAX_KEYS`, values and buckets each; all of
    them when the process ends.
    """

    def __init__(self, settings: CacheSettings) -> None:
        self._values: OrderedDict[str, tuple[float, bytes]] = OrderedDict()
        self._max_keys = settings.cache_max_keys
        self._buckets = GcraStore(settings.cache_max_keys)

    async def get(self, key: str) -> bytes | None:
        """The value, or None where there is none or its time is over."""
        found = self._values.get(key)
        if found is None:
            return None
        ends_at, value = found
        if time.monotonic() >= ends_at:
            del self._values[key]
            return None
        self._values.move_to_end(key)
        return value

    async def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """The values of the keys, in their order."""
        return [await self.get(key) for key in keys]

    async def set(self, key: str, value: bytes, ttl: float) -> None:
        """Keep the value for `ttl` seconds."""
        self._values[key] = time.monotonic() + ttl, value
        self._values.move_to_end(key)
        while len(self._values) > self._max_keys:
            self._values.popitem(last=False)

    async def delete(self, key: str) -> None:
        """Forget the value, if there is one."""
        self._values.pop(key, None)

    async def consume(self, rules: Sequence[Rule]) -> tuple[Consumption, ...]:
        """Take from every bucket, or from none where one of them refuses."""
        return self._buckets.consume(rules)

    async def ping(self) -> None:
        """Return, since the store is always there."""

    async def aclose(self) -> None:
        """Forget everything."""
        self._values.clear()
