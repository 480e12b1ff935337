"""Settings of the cache."""

from pydantic import Field

from app.platform.configuration import SettingsGroup


class CacheSettings(SettingsGroup):
    """`CACHE_*`: beyond `CACHE_MAX_KEYS` the least recently used keys are forgotten."""

    cache_max_keys: int = Field(default=100_000, ge=1)
