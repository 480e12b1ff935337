"""From a request to its principal, on the path of every request."""

from datetime import datetime

import structlog

from app.auth.authentication import AuthRequest, bearer_token, invalid_credentials
from app.auth.cookie import SessionCookie
from app.auth.csrf import SAFE_METHODS, CsrfGuard
from app.auth.principal import Principal
from app.auth.sessions import Lifetime, Session, SessionKey
from app.auth.store import Sessions
from app.db import Database
from app.errors import AppError
from app.platform import clock
from app.platform.metrics import auth_events

CREDENTIAL_HEADERS = ("authorization", "cookie", "x-csrf-token")
"""Where credentials are read from, or refused, in lower case."""

log = structlog.get_logger(__name__)


class SessionAuthenticator:
    """Accepts the cookie of a session that is alive and, where it may change something, its token.

    Each request reads the session by its key, so that one that has ended is refused at once, by
    every instance, with nothing to keep in step.
    """

    def __init__(
        self, database: Database, cookie: SessionCookie, guard: CsrfGuard, lifetime: Lifetime
    ) -> None:
        self._database = database
        self._cookie = cookie
        self._guard = guard
        self._lifetime = lifetime

    async def authenticate(self, request: AuthRequest) -> Principal | None:
        """See `Authenticator.authenticate`; also raises CSRF_FAILED."""
        try:
            return await self._principal(request)
        except AppError as error:
            auth_events.labels("authenticate", error.code.name.lower()).inc()
            raise

    async def _principal(self, request: AuthRequest) -> Principal | None:
        if bearer_token(request) is not None:
            raise invalid_credentials("Tokens are not accepted: log in for the cookie of a session")
        key = self._cookie.read(request)
        if key is None:
            return None
        session = await self._alive(key, is_use=request.is_use)
        if request.method not in SAFE_METHODS:
            self._guard.check(request.headers, key)
        return session.principal

    async def _alive(self, key: SessionKey, *, is_use: bool) -> Session:
        now = clock.now()
        async with self._database.unit_of_work(read_only=True) as work:
            session = await Sessions(work).with_key(key.digest)
        if session is None or session.expires_at <= now:
            raise invalid_credentials("The session has ended")
        expiry = self._lifetime.later_expiry(session, now) if is_use else None
        if expiry is not None:
            await self._prolong(session, expiry)
        return session

    async def _prolong(self, session: Session, expiry: datetime) -> None:
        try:
            async with self._database.unit_of_work() as work:
                await Sessions(work).prolong(session, expiry)
        except AppError as error:
            # A database that only reads for a while still knows who is logged in.
            log.warning("session_not_prolonged", error=error.code.name)
