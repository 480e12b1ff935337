"""Logins, and the life of their sessions."""

from uuid import UUID

from app.auth.accounts import Accounts
from app.auth.attempts import Attempts
from app.auth.authentication import Authenticator, invalid_credentials
from app.auth.authenticator import SessionAuthenticator
from app.auth.cookie import SessionCookie
from app.auth.csrf import CsrfGuard
from app.auth.logins import Logins
from app.auth.passwords import Passwords
from app.auth.principal import Principal
from app.auth.sessions import Lifetime, Session, SessionKey
from app.auth.store import Sessions
from app.db import UnitOfWork
from app.platform import clock
from app.platform.audit import audit
from app.platform.ids import new_uuid
from app.platform.metrics import auth_events
from app.platform.resources import Resources
from app.settings import Settings


class Auth:
    """Authentication with sessions that the service keeps, and a cookie that names one."""

    def __init__(self, settings: Settings, resources: Resources) -> None:
        http, own = settings.http, settings.auth
        self._database = resources.database
        self._lifetime = Lifetime(own.session_idle_seconds, own.session_absolute_seconds)
        self._passwords = Passwords(own)
        attempts = Attempts(resources.cache, own)
        self._logins = Logins(resources.database, self._passwords, attempts)
        self.cookie = SessionCookie(own)
        # Other origins can only send cookies where CORS lets them.
        self.csrf = CsrfGuard(http.cors_origins if http.cors_allow_credentials else ())
        self.authenticator: Authenticator = SessionAuthenticator(
            resources.database, self.cookie, self.csrf, self._lifetime
        )
        self.accounts = Accounts(
            resources.database,
            self._passwords,
            attempts,
            self._end_sessions,
            settings.idempotency.idempotency_ttl_seconds,
        )

    async def start(self) -> None:
        """Nothing runs in the background."""

    async def aclose(self) -> None:
        """End the threads."""
        self._passwords.close()

    async def log_in(
        self, email: str, password: str, replaced: SessionKey | None = None
    ) -> tuple[Session, SessionKey]:
        """Begin a session under a new key, and end the one that the request came with.

        Raises as `Logins.verify` does, and `AppError(CONFLICT)`.
        """
        login = await self._logins.verify(email, password)
        key, now = SessionKey.new(), clock.now()
        session = Session(
            id=new_uuid(),
            key_hash=key.digest,
            user_id=login.user.id,
            role=login.user.role,
            created_at=now,
            expires_at=self._lifetime.expiry(now, now),
        )
        async with self._database.unit_of_work() as work:
            sessions = Sessions(work)
            await self._logins.complete(work, login)
            await sessions.prune(session.user_id, now)
            if replaced is not None:
                await sessions.end_with_key(replaced.digest)
            await sessions.add(session)
            await audit(work, "auth.login", f"user/{session.user_id}", principal=session.principal)
        auth_events.labels("login", "success").inc()
        return session, key

    async def session(self, principal: Principal) -> Session:
        """The session of the caller."""
        async with self._database.unit_of_work(read_only=True) as work:
            session = await Sessions(work).get(_session_id(principal))
        if session is None:
            raise invalid_credentials("The session has ended")
        return session

    async def log_out(self, principal: Principal) -> None:
        """End the session of the caller."""
        async with self._database.unit_of_work() as work:
            await Sessions(work).end(_session_id(principal))
            await audit(work, "auth.log_out", f"user/{principal.subject}", principal=principal)
        auth_events.labels("log_out", "success").inc()

    async def log_out_everywhere(self, principal: Principal) -> None:
        """End every session of the caller's account."""
        user_id = UUID(principal.subject)
        async with self._database.unit_of_work() as work:
            await self._end_sessions(work, user_id, None)
            await audit(work, "auth.log_out_everywhere", f"user/{user_id}", principal=principal)
        auth_events.labels("log_out_everywhere", "success").inc()

    async def change_password(self, principal: Principal, current: str, new: str) -> SessionKey:
        """Set a new password, end the other sessions, and give this one a new key.

        Raises as `Accounts.change_password` does.
        """
        await self.accounts.change_password(principal, current, new)
        key = SessionKey.new()
        # On its own: should it fail, the password is changed and the key stays.
        async with self._database.unit_of_work() as work:
            if not await Sessions(work).change_key(_session_id(principal), key.digest):
                raise invalid_credentials("The session has ended")
        return key

    async def _end_sessions(self, work: UnitOfWork, user_id: UUID, keep: UUID | None) -> None:
        await Sessions(work).end_all(user_id, keep)


def _session_id(principal: Principal) -> UUID:
    assert principal.session_id is not None
    return UUID(principal.session_id)
