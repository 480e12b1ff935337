"""Settings of the cache."""

from collections.abc import Iterator
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr
from redis.asyncio.connection import parse_url

from app.platform.configuration import SettingsGroup


def _check(url: SecretStr) -> SecretStr:
    try:
        parse_url(url.get_secret_value())
    except ValueError:
        raise ValueError("must be a redis://, rediss:// or unix:// URL") from None
    return url


class CacheSettings(SettingsGroup):
    """`REDIS_URL` and `CACHE_*`. Services that share a server need different key prefixes."""

    redis_url: Annotated[SecretStr, AfterValidator(_check)] = SecretStr("redis://127.0.0.1:6379/0")
    cache_key_prefix: str = "app:"
    cache_timeout_seconds: float = Field(default=1.0, gt=0, le=2)
    cache_max_connections: int = Field(default=4, ge=1)

    def production_faults(self) -> Iterator[str]:
        if "redis_url" not in self.model_fields_set:
            yield "REDIS_URL: is required in production"
        elif parse_url(self.redis_url.get_secret_value()).get("client_name") == "embedded":
            yield "REDIS_URL: leads to the server of the development environment"
