"""The cache."""

from collections.abc import Sequence

from app.cache.settings import CacheSettings
from app.platform.gcra import Consumption, Rule


class Cache:
    """Values with a time to live, and the buckets of the rate limits."""

    def __init__(self, settings: CacheSettings) -> None:
        self._settings = settings

    async def get(self, key: str) -> bytes | None:
        """The value, or None where there is none or its time is over."""
        raise NotImplementedError

    async def set(self, key: str, value: bytes, ttl: float) -> None:
        """Keep the value for `ttl` seconds."""
        raise NotImplementedError

    async def delete(self, key: str) -> None:
        """Forget the value, if there is one."""
        raise NotImplementedError

    async def consume(self, rules: Sequence[Rule]) -> tuple[Consumption, ...]:
        """Take from every bucket, or from none where one of them refuses."""
        raise NotImplementedError

    async def ping(self) -> None:
        """Raise `AppError(DEPENDENCY_UNAVAILABLE)` unless the store answers."""
        raise NotImplementedError

    async def aclose(self) -> None:
        """Release what the cache holds."""
