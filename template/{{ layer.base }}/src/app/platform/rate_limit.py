"""How often a caller may call: limits by principal or address, for the whole service, and login."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import BeforeValidator
from pydantic_settings import NoDecode, SettingsConfigDict

from app.auth.principal import Principal
from app.cache import Cache
from app.errors import AppError
from app.platform.configuration import SettingsGroup
from app.platform.gcra import Limit


def _parse(value: object) -> object:
    return Limit.parse(value) if isinstance(value, str) else value


LimitSetting = Annotated[Limit, NoDecode, BeforeValidator(_parse)]


class RateLimitSettings(SettingsGroup):
    """`RATE_LIMIT_*`: limits such as `600/minute` or `600/minute burst 50`."""

    model_config = SettingsConfigDict(env_prefix="rate_")

    limit_enabled: bool = True
    limit_principal: LimitSetting = Limit.parse("1200/minute")
    limit_address: LimitSetting = Limit.parse("600/minute")
    limit_global: LimitSetting = Limit.parse("60000/minute")
    limit_login_account: LimitSetting = Limit.parse("10/minute")
    limit_login_address: LimitSetting = Limit.parse("60/minute")


@dataclass(frozen=True, slots=True)
class RateLimitState:
    """The answer to one request; times in seconds. `limit` is 0 where nothing was decided."""

    allowed: bool
    limit: int
    remaining: int
    reset_after: float
    retry_after: float

    def headers(self) -> dict[str, str]:
        """`X-RateLimit-*`, `RateLimit` and `RateLimit-Policy`; empty where nothing was decided."""
        raise NotImplementedError

    def error(self) -> AppError:
        """The refusal: `AppError(RATE_LIMITED)` with `Retry-After` and the headers."""
        raise NotImplementedError


class RateLimiter:
    """Decides by what the store says; lets requests pass while the store is away."""

    def __init__(self, cache: Cache, settings: RateLimitSettings) -> None:
        self._cache = cache
        self._settings = settings

    async def check(
        self, principal: Principal | None, address: str, cost: int = 1
    ) -> RateLimitState:
        """Charge the principal, or the address where there is none, and the whole service."""
        raise NotImplementedError

    async def check_login(self, account: str, address: str) -> None:
        """Charge an attempt to log in; raises `AppError(RATE_LIMITED)`.

        While the store is away the limits hold in each process for itself.
        """
        raise NotImplementedError
