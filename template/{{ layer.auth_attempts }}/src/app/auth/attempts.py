"""How often a credential may be tried: by the account that it is tried for, and by the address."""

from app.cache import Cache
from app.errors import AppError
from app.platform.configuration import SettingsGroup
from app.platform.gcra import GcraStore, Limit
from app.platform.rate_limit import LimitSetting, Outage, Policy, address_key, decide, hashed

_MOST_KEYS = 10_000


class AttemptSettings(SettingsGroup):
    """`RATE_LIMIT_LOGIN_*`, which hold where `RATE_LIMIT_ENABLED` is off, too."""

    rate_limit_login_account: LimitSetting = Limit.parse("10/minute")
    rate_limit_login_address: LimitSetting = Limit.parse("60/minute")


class Attempts:
    """Decides by the shared store; while that is away, each process counts for itself."""

    def __init__(self, cache: Cache, settings: AttemptSettings) -> None:
        self._cache = cache
        self._account = Policy("login-account", settings.rate_limit_login_account)
        self._address = Policy("login-address", settings.rate_limit_login_address)
        self._own_buckets = GcraStore(_MOST_KEYS)
        self._outage = Outage()

    async def charge(self, account: str, address: str) -> None:
        """Charge an attempt, or what costs as much; raises `AppError(RATE_LIMITED)`."""
        rules = (
            self._account.rule(hashed(account.strip().casefold())),
            self._address.rule(address_key(address)),
        )
        outcome = "allowed"
        try:
            answers = await self._cache.consume(rules)
        except AppError:
            self._outage.warn("rate_limit_login_fell_back")
            outcome = "fell_back"
            answers = self._own_buckets.consume(rules)
        state = decide((self._account, self._address), answers, outcome)
        if not state.allowed:
            raise state.error()
