"""How often a caller may call: limits by principal or address, and for the service."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from hashlib import blake2b
from ipaddress import IPv6Address, ip_address
from math import ceil
from typing import Annotated, NamedTuple

import structlog
from pydantic import BeforeValidator
from pydantic_settings import NoDecode

from app.auth.principal import Principal
from app.cache import Cache
from app.errors import AppError, ErrorCode
from app.platform.configuration import SettingsGroup
from app.platform.gcra import Consumption, Limit, Rule
from app.platform.metrics import rate_limit_decisions

_LOG_INTERVAL_SECONDS = 10

_log = structlog.get_logger(__name__)


def _parse(value: object) -> object:
    return Limit.parse(value) if isinstance(value, str) else value


LimitSetting = Annotated[Limit, NoDecode, BeforeValidator(_parse)]


class RateLimitSettings(SettingsGroup):
    """`RATE_LIMIT_*`: limits such as `600/minute` or `600/minute burst 50`.

    `RATE_LIMIT_ENABLED=false` leaves requests unlimited, where a gateway limits them already.
    """

    rate_limit_enabled: bool = True
    rate_limit_principal: LimitSetting = Limit.parse("1200/minute")
    rate_limit_address: LimitSetting = Limit.parse("600/minute")
    rate_limit_global: LimitSetting = Limit.parse("60000/minute")


@dataclass(frozen=True)
class Policy:
    """A limit under the name that clients and metrics know it by."""

    name: str
    limit: Limit

    def rule(self, key: str, cost: int = 1) -> Rule:
        return Rule(f"rate:{self.name}:{key}", self.limit, cost)

    @cached_property
    def field(self) -> str:
        """The item of the `RateLimit-Policy` field."""
        return f'"{self.name}";q={self.limit.burst};w={ceil(self.limit.window / 1_000_000)}'


class RateLimitState(NamedTuple):
    """The answer to one request, by the policy that binds it; times in seconds.

    `policy` is None where nothing was decided: limits off, or the store away.
    """

    allowed: bool = True
    policy: Policy | None = None
    remaining: int = 0
    reset_after: float = 0
    retry_after: float = 0

    def headers(self) -> dict[str, str]:
        """`X-RateLimit-*` and the fields of draft-ietf-httpapi-ratelimit-headers-11.

        The quota is the burst and its window the time in which that is earned back. Reset is in
        seconds: until the whole quota is back or, for a refused request, until `Retry-After`.
        """
        if self.policy is None:
            return {}
        remaining = str(self.remaining)
        reset = str(ceil(self.reset_after if self.allowed else self.retry_after))
        return {
            "X-RateLimit-Limit": str(self.policy.limit.burst),
            "X-RateLimit-Remaining": remaining,
            "X-RateLimit-Reset": reset,
            "RateLimit-Policy": self.policy.field,
            "RateLimit": f'"{self.policy.name}";r={remaining};t={reset}',
        }

    def error(self) -> AppError:
        """The refusal, with `Retry-After` and the headers."""
        return AppError(
            ErrorCode.RATE_LIMITED, retry_after=self.retry_after, headers=self.headers()
        )


_UNDECIDED = RateLimitState()


def hashed(name: str) -> str:
    """What stands for a name in the store, however long it is."""
    return blake2b(name.encode(), digest_size=16).hexdigest()


@lru_cache(maxsize=4096)
def address_key(address: str) -> str:
    """What stands for a client: an IPv4 address, or the /64 that an IPv6 host chooses from."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped is None:
            return f"{int(parsed) >> 64:016x}"
        parsed = parsed.ipv4_mapped
    return str(parsed)


class Outage:
    """Tells of a store that is away, and seldom again while it is."""

    def __init__(self) -> None:
        self._next_warning = 0.0

    def warn(self, event: str) -> None:
        """Log the event, unless one was logged a moment ago."""
        now = time.monotonic()
        if now >= self._next_warning:
            self._next_warning = now + _LOG_INTERVAL_SECONDS
            _log.warning(event, reported_every_seconds=_LOG_INTERVAL_SECONDS)


class RateLimiter:
    """Decides by the shared store, and lets requests pass while that is away."""

    def __init__(self, cache: Cache, settings: RateLimitSettings) -> None:
        self._cache = cache
        self._enabled = settings.rate_limit_enabled
        self._principal = Policy("principal", settings.rate_limit_principal)
        self._address = Policy("address", settings.rate_limit_address)
        self._global = Policy("global", settings.rate_limit_global)
        self._outage = Outage()

    async def check(
        self, principal: Principal | None, address: str, cost: int = 1
    ) -> RateLimitState:
        """Charge the principal, or the address where there is none, and the whole service."""
        if not self._enabled:
            return _UNDECIDED
        if principal is None:
            policy, key = self._address, address_key(address)
        else:
            policy, key = self._principal, hashed(principal.subject)
        rules = (policy.rule(key, cost), self._global.rule("all", cost))
        try:
            answers = await self._cache.consume(rules)
        except AppError:
            self._outage.warn("rate_limit_failed_open")
            rate_limit_decisions.labels(policy.name, "failed_open").inc()
            return _UNDECIDED
        return decide((policy, self._global), answers)


def decide(
    policies: Sequence[Policy], answers: Sequence[Consumption], outcome: str = "allowed"
) -> RateLimitState:
    """The first policy speaks for all, unless another one refuses for longer.

    `outcome` is what metrics call the decision where it is no refusal.
    """
    policy, answer = policies[0], answers[0]
    for other, consumption in zip(policies[1:], answers[1:], strict=True):
        if consumption.retry_after > answer.retry_after:
            policy, answer = other, consumption
    allowed = answer.retry_after == 0
    rate_limit_decisions.labels(policy.name, outcome if allowed else "refused").inc()
    return RateLimitState(allowed, policy, answer.remaining, answer.reset_after, answer.retry_after)
