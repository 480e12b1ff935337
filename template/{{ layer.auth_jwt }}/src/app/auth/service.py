"""Accounts, logins and the life of refresh tokens."""

from app.auth.authentication import Authenticator
from app.auth.model import TokenPair, User
from app.auth.principal import Principal
from app.auth.settings import AuthSettings
from app.cache import Cache
from app.db import Database
from app.platform.rate_limit import RateLimiter


class Auth:
    """Authentication with own access tokens and rotating refresh tokens."""

    authenticator: Authenticator

    def __init__(
        self, settings: AuthSettings, database: Database, cache: Cache, rate_limiter: RateLimiter
    ) -> None:
        raise NotImplementedError

    async def start(self) -> None: ...

    async def register(self, email: str, password: str) -> None: ...

    async def log_in(self, email: str, password: str, scope: str | None = None) -> TokenPair:
        raise NotImplementedError

    async def refresh(self, refresh_token: str) -> TokenPair:
        raise NotImplementedError

    async def revoke(self, token: str) -> None: ...

    async def revoke_all(self, principal: Principal) -> None: ...

    async def me(self, principal: Principal) -> User:
        raise NotImplementedError

    async def change_password(self, principal: Principal, current: str, new: str) -> None: ...
