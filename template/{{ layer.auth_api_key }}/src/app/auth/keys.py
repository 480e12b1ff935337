"""The life of API keys: how they are made, replaced, listed and ended."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from pydantic import TypeAdapter

from app.auth.api_key import ApiKey, Client, KeyText
from app.auth.principal import Permission, Principal, Role
from app.auth.settings import AuthSettings
from app.auth.store import ApiKeys
from app.db import Database, UnitOfWork
from app.db.idempotency import IdempotencyRecords
from app.errors import AppError, ErrorCode, FieldFault
from app.platform import clock
from app.platform.audit import audit
from app.platform.idempotency import IdempotencyKey
from app.platform.ids import new_uuid
from app.platform.metrics import auth_events
from app.platform.pagination import Cursors, Position

OPERATOR = Principal(subject="operator", kind="machine", roles=frozenset({Role.ADMIN}))
"""Who acts at the command line."""

_stored_key = TypeAdapter(ApiKey)


@dataclass(frozen=True, slots=True)
class KeyRequest:
    """A key that is wanted; None does not narrow the role, and stands for the usual lifetime."""

    client: str
    role: Role
    scopes: frozenset[Permission] | None = None
    seconds: int | None = None


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A new key; `text` is told this once, and is None where an earlier request made the key."""

    key: ApiKey
    text: str | None


@dataclass(frozen=True, slots=True)
class KeyPage:
    """`next_cursor` is None on the last page."""

    keys: Sequence[ApiKey]
    next_cursor: str | None


class Keys:
    """For who may manage keys. Nobody reaches by another key what their own does not allow."""

    def __init__(
        self, database: Database, settings: AuthSettings, cursors: Cursors, replay_seconds: int
    ) -> None:
        self._database = database
        self._settings = settings
        self._cursors = cursors
        self._replay_seconds = replay_seconds

    async def create(
        self, principal: Principal, wanted: KeyRequest, key: IdempotencyKey | None = None
    ) -> IssuedKey:
        """Make a key for the client of that name, which begins with its first key."""
        principal.require(Permission.KEYS_MANAGE)
        try:
            return await self._create(principal, wanted, key)
        except AppError as error:
            if error.code is not ErrorCode.CONFLICT:
                raise
            # Another request made the client at the same moment; by now it is there.
            return await self._create(principal, wanted, key)

    async def get(self, principal: Principal, key_id: UUID) -> ApiKey:
        """The key; raises `AppError(NOT_FOUND)`."""
        principal.require(Permission.KEYS_MANAGE)
        async with self._database.unit_of_work(read_only=True) as work:
            return await _existing(work, key_id)

    async def current(self, principal: Principal) -> ApiKey:
        """The key that the caller uses."""
        async with self._database.unit_of_work(read_only=True) as work:
            return await _existing(work, _own_id(principal))

    async def page(
        self, principal: Principal, client: str | None, limit: int, cursor: str | None
    ) -> KeyPage:
        """One page of keys, of one client or of all, ended ones too, the newest first."""
        principal.require(Permission.KEYS_MANAGE)
        scope = f"api_keys:{client}"
        after = None if cursor is None else self._cursors.decode(cursor, scope).id
        async with self._database.unit_of_work(read_only=True) as work:
            found = await ApiKeys(work).page(client, after, limit + 1)
        keys = found[:limit]
        if len(found) <= limit:
            return KeyPage(keys, None)
        last = Position(keys[-1].created_at, keys[-1].id)
        return KeyPage(keys, self._cursors.encode(last, scope))

    async def rotate(
        self,
        principal: Principal,
        key_id: UUID,
        overlap: int | None = None,
        seconds: int | None = None,
        key: IdempotencyKey | None = None,
    ) -> IssuedKey:
        """Make a key like this one, which itself lives on for `overlap` seconds at the most.

        Raises `AppError(INVALID_STATE)` where it has ended already.
        """
        principal.require(Permission.KEYS_MANAGE)
        if overlap is None:
            overlap = self._settings.api_key_rotation_overlap_seconds
        async with self._database.unit_of_work() as work:
            if key and (stored := await IdempotencyRecords(work).claim(key)):
                return IssuedKey(_stored_key.validate_json(stored), None)
            now = clock.now()
            old = await _existing(work, key_id, lock=True)
            _require_reach(principal, old.client)
            if old.ended(now):
                raise AppError(ErrorCode.INVALID_STATE, "The key has ended: create another one")
            expires_at = self._expiry(now, seconds)
            made = replace(
                old, id=new_uuid(), created_at=now, expires_at=expires_at, last_used_at=None
            )
            issued = await self._issue(work, principal, made, key)
            overlap = min(overlap, self._settings.api_key_max_lifetime_seconds)
            ends_at = min(old.expires_at, now + timedelta(seconds=overlap))
            await ApiKeys(work).end_at(old.id, ends_at)
            await audit(work, "api_keys.rotate", f"api_keys/{old.id}", principal=principal)
        auth_events.labels("rotate_key", "success").inc()
        return issued

    async def revoke(self, principal: Principal, key_id: UUID) -> ApiKey:
        """End a key with its next request, wherever that comes; an ended one stays as it is."""
        principal.require(Permission.KEYS_MANAGE)
        return await self._revoke(principal, key_id)

    async def revoke_current(self, principal: Principal) -> ApiKey:
        """End the key that the caller uses, which whoever holds it may do."""
        return await self._revoke(principal, _own_id(principal))

    async def _create(
        self, principal: Principal, wanted: KeyRequest, key: IdempotencyKey | None
    ) -> IssuedKey:
        async with self._database.unit_of_work() as work:
            if key and (stored := await IdempotencyRecords(work).claim(key)):
                return IssuedKey(_stored_key.validate_json(stored), None)
            now = clock.now()
            client = await ApiKeys(work).client_named(wanted.client)
            if client is None:
                client = Client(new_uuid(), wanted.client, now)
                await ApiKeys(work).add_client(client)
            else:
                _require_reach(principal, client)
            expires_at = self._expiry(now, wanted.seconds)
            made = ApiKey(new_uuid(), client, wanted.role, wanted.scopes, now, expires_at)
            if not made.permissions:
                fault = FieldFault("scopes", "must name one at least that the role grants")
                raise AppError(ErrorCode.VALIDATION_ERROR, details=[fault])
            issued = await self._issue(work, principal, made, key)
        auth_events.labels("create_key", "success").inc()
        return issued

    async def _issue(
        self, work: UnitOfWork, principal: Principal, made: ApiKey, key: IdempotencyKey | None
    ) -> IssuedKey:
        for permission in made.permissions:
            principal.require(permission)
        if made.scopes is None and Permission.KEYS_MANAGE in made.permissions:
            _require_no_scopes(principal)
        secret = KeyText.new(made.id, self._settings.api_key_prefix)
        await ApiKeys(work).add(made, secret.hash())
        await audit(work, "api_keys.create", f"api_keys/{made.id}", principal=principal)
        if key:
            # Without the secret, which is nowhere to be read again.
            result = _stored_key.dump_json(made)
            await IdempotencyRecords(work).complete(key, result, self._replay_seconds)
        return IssuedKey(made, secret.text)

    async def _revoke(self, principal: Principal, key_id: UUID) -> ApiKey:
        async with self._database.unit_of_work() as work:
            found = await _existing(work, key_id, lock=True)
            if found.revoked_at is not None:
                return found
            now = clock.now()
            await ApiKeys(work).revoke(key_id, now)
            await audit(work, "api_keys.revoke", f"api_keys/{key_id}", principal=principal)
        auth_events.labels("revoke_key", "success").inc()
        return replace(found, revoked_at=now)

    def _expiry(self, now: datetime, seconds: int | None) -> datetime:
        longest = self._settings.api_key_max_lifetime_seconds
        if seconds is None:
            seconds = self._settings.api_key_lifetime_seconds
        if seconds > longest:
            fault = FieldFault("expires_in", f"must be less than or equal to {longest}")
            raise AppError(ErrorCode.VALIDATION_ERROR, details=[fault])
        return now + timedelta(seconds=seconds)


def _require_reach(principal: Principal, client: Client) -> None:
    """Raise `AppError(FORBIDDEN)` unless the caller may act as the client, as its keys let it.

    A key that scopes narrow acts as nobody else, not even within them: others own other things.
    """
    if principal.subject != str(client.id):
        _require_no_scopes(principal)


def _require_no_scopes(principal: Principal) -> None:
    if principal.scopes is not None:
        raise AppError(
            ErrorCode.FORBIDDEN,
            "This needs a key that no scope narrows",
            challenge="insufficient_scope",
        )


def _own_id(principal: Principal) -> UUID:
    assert principal.session_id is not None
    return UUID(principal.session_id)


async def _existing(work: UnitOfWork, key_id: UUID, *, lock: bool = False) -> ApiKey:
    found = await ApiKeys(work).get(key_id, lock=lock)
    if found is None:
        raise AppError(ErrorCode.NOT_FOUND)
    return found
