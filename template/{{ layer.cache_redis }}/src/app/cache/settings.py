"""Settings of the cache."""

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field, SecretStr, StringConstraints

from app.platform.configuration import SettingsGroup


class CacheSettings(SettingsGroup):
    """`REDIS_URL` and `CACHE_*`. Services that share a server need different key prefixes."""

    redis_url: Annotated[SecretStr, StringConstraints(pattern=r"^(rediss?|unix)://")] | None = None
    cache_key_prefix: str = "app:"
    cache_timeout_seconds: float = Field(default=1.0, gt=0, le=5)
    cache_max_connections: int = Field(default=20, ge=1)

    def production_faults(self) -> Iterator[str]:
        if self.redis_url is None:
            yield "REDIS_URL: must be set in production"
