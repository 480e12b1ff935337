"""Logins, and the life of the tokens that they give."""

import hmac
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from app.auth.accounts import Accounts
from app.auth.attempts import Attempts
from app.auth.authentication import Authenticator, invalid_credentials
from app.auth.authenticator import TokenAuthenticator
from app.auth.logins import Logins
from app.auth.model import User
from app.auth.passwords import Passwords
from app.auth.principal import ROLE_PERMISSIONS, Permission, Principal
from app.auth.refresh_tokens import RefreshToken, TokenFamily, TokenPair
from app.auth.revocations import Revocations
from app.auth.store import TokenFamilies
from app.auth.tokens import AccessTokens
from app.auth.users import Users
from app.db import UnitOfWork
from app.errors import AppError, ErrorCode, FieldFault
from app.platform.audit import audit
from app.platform.context import context
from app.platform.ids import new_uuid
from app.platform.metrics import auth_events
from app.platform.resources import Resources
from app.settings import Settings

_SCOPES = frozenset(permission.value for permission in Permission)


class Auth:
    """Authentication with access tokens of its own and rotating refresh tokens."""

    def __init__(self, settings: Settings, resources: Resources) -> None:
        self._settings = settings.auth
        self._database = resources.database
        self._attempts = attempts = Attempts(resources.cache, settings.auth)
        self._tokens = AccessTokens(settings.auth)
        self._passwords = Passwords(settings.auth)
        self._logins = Logins(resources.database, self._passwords, attempts)
        self._revocations = Revocations(resources.database, resources.cache, self._tokens.lifetime)
        # Without the deny list no token is accepted.
        resources.health.require("cache")
        self.authenticator: Authenticator = TokenAuthenticator(self._tokens, self._revocations)
        self.accounts = Accounts(
            resources.database,
            self._passwords,
            attempts,
            self._end_sessions,
            settings.idempotency.idempotency_ttl_seconds,
        )

    async def start(self) -> None:
        """Start the background work."""
        await self._revocations.start()

    async def aclose(self) -> None:
        """End the background work."""
        await self._revocations.aclose()
        self._passwords.close()

    def jwks(self) -> dict[str, list[dict[str, Any]]]:
        """The public keys of the access tokens (RFC 7517)."""
        return self._tokens.jwks()

    async def log_in(self, email: str, password: str, scope: str | None = None) -> TokenPair:
        """Start a family of tokens; `scope`, where given, narrows what they allow.

        An unknown account, a wrong password and a disabled account are one and the same
        `AppError(UNAUTHENTICATED)`, after the same time. A scope that is unknown, or that the
        role does not grant at all, is `AppError(MALFORMED_REQUEST)`.
        """
        wanted = _parsed_scope(scope) if scope else None
        login = await self._logins.verify(email, password)
        user = login.user
        if not _granted(user, wanted):
            raise _invalid_scope()
        token = RefreshToken.new()
        now = datetime.now(UTC)
        family = TokenFamily(
            id=new_uuid(),
            user_id=user.id,
            handle_hash=token.handle_hash,
            token_hash=token.token_hash,
            scopes=wanted,
            created_at=now,
            expires_at=self._expiry(now, now),
        )
        async with self._database.unit_of_work() as work:
            await self._logins.complete(work, login)
            await TokenFamilies(work).prune(user.id, now - timedelta(days=1))
            await TokenFamilies(work).add(family)
            await audit(work, "auth.login", f"user/{user.id}", principal=_principal(user, family))
        auth_events.labels("login", "success").inc()
        return self._pair(user, family, token)

    async def refresh(self, refresh_token: str) -> TokenPair:
        """New tokens for a refresh token, which thereby ends.

        A token that has been used before ends its whole family: either it or its successor is in
        the wrong hands. That holds for two requests at the same time, too.
        """
        presented = RefreshToken.parse(refresh_token)
        account = refresh_token[:64] if presented is None else presented.handle_hash.hex()
        await self._attempts.charge(f"refresh {account}", context().client_address)
        if presented is None:
            raise _refused_refresh("unknown")
        token = presented.successor()
        now = datetime.now(UTC)
        async with self._database.unit_of_work() as work:
            families = TokenFamilies(work)
            family = await families.with_handle(presented.handle_hash)
            if family is None:
                raise _refused_refresh("unknown")
            user = await Users(work).get(family.user_id)
            if user is None or user.disabled or family.revoked_at or family.expires_at <= now:
                raise _refused_refresh("ended")
            principal = _principal(user, family)
            expires_at = self._expiry(family.created_at, now)
            current = hmac.compare_digest(presented.token_hash, family.token_hash)
            rotated = current and await families.rotate(family, token.token_hash, expires_at)
            if rotated:
                await audit(work, "auth.refresh", f"user/{user.id}", principal=principal)
            elif await self._revoke(work, family.id):
                action = "auth.refresh_token_reused"
                await audit(work, action, f"user/{user.id}", "failure", principal)
            else:
                raise _refused_refresh("ended")
        if not rotated:
            raise _refused_refresh("reused")
        auth_events.labels("refresh", "success").inc()
        return self._pair(user, family, token)

    async def revoke(self, token: str) -> None:
        """End the family of a refresh or access token (RFC 7009); an unknown token is no error."""
        async with self._database.unit_of_work() as work:
            family_id = await self._family_of(work, token)
            if family_id is not None and await self._revoke(work, family_id):
                await audit(work, "auth.revoke", f"token_family/{family_id}")
                auth_events.labels("revoke", "success").inc()

    async def revoke_all(self, principal: Principal) -> None:
        """End every family of the caller's account."""
        user_id = UUID(principal.subject)
        async with self._database.unit_of_work() as work:
            # First, because it may have to wait for those who renew a token at this moment.
            await self._end_sessions(work, user_id, None)
            await audit(work, "auth.revoke_all", f"user/{user_id}")
        auth_events.labels("revoke_all", "success").inc()

    async def _end_sessions(self, work: UnitOfWork, user_id: UUID, keep: UUID | None) -> None:
        ended = await TokenFamilies(work).revoke_all(user_id, datetime.now(UTC), keep)
        # Before the commit: a revocation that the deny list has not taken up did not happen.
        await self._revocations.add(ended)

    async def _revoke(self, work: UnitOfWork, family_id: UUID) -> bool:
        alive = await TokenFamilies(work).revoke(family_id, datetime.now(UTC))
        await self._revocations.add([family_id])
        return alive

    async def _family_of(self, work: UnitOfWork, token: str) -> UUID | None:
        refresh_token = RefreshToken.parse(token)
        if refresh_token is not None:
            family = await TokenFamilies(work).with_handle(refresh_token.handle_hash)
            return None if family is None else family.id
        try:
            return UUID(self._tokens.verify(token).family)
        except AppError:
            return None

    def _expiry(self, started: datetime, now: datetime) -> datetime:
        idle = now + timedelta(seconds=self._settings.jwt_refresh_token_seconds)
        return min(idle, started + timedelta(seconds=self._settings.jwt_session_seconds))

    def _pair(self, user: User, family: TokenFamily, token: RefreshToken) -> TokenPair:
        scopes = _granted(user, family.scopes)
        access = self._tokens.issue(user.id, user.role, scopes, family.id)
        return TokenPair(access, token.text, self._tokens.lifetime, " ".join(sorted(scopes)))


def _parsed_scope(text: str) -> frozenset[str]:
    wanted = frozenset(text.split())
    if not wanted <= _SCOPES:
        raise _invalid_scope()
    return wanted


def _granted(user: User, wanted: frozenset[str] | None) -> frozenset[str]:
    """What the role grants, narrowed to what was asked for."""
    allowed = frozenset(permission.value for permission in ROLE_PERMISSIONS[user.role])
    return allowed if wanted is None else allowed & wanted


def _principal(user: User, family: TokenFamily) -> Principal:
    return Principal(
        subject=str(user.id),
        kind="user",
        roles=frozenset({user.role}),
        scopes=_granted(user, family.scopes),
        session_id=str(family.id),
    )


def _invalid_scope() -> AppError:
    fault = FieldFault("scope", "invalid_scope: must name scopes that the account may have")
    return AppError(ErrorCode.MALFORMED_REQUEST, details=[fault])


def _refused_refresh(outcome: str) -> AppError:
    auth_events.labels("refresh", outcome).inc()
    return invalid_credentials("The refresh token is not valid")
