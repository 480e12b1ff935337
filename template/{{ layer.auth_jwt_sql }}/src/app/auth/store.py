"""Families of tokens in the database."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Column,
    ForeignKey,
    Table,
    bindparam,
    delete,
    func,
    insert,
    null,
    select,
    update,
)

from app.auth.refresh_tokens import TokenFamily
from app.db import UnitOfWork
from app.db.schema import Digest, Text, UtcDateTime, Uuid, metadata
from app.db.statement import Statement

token_families = Table(
    "token_families",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("user_id", Uuid, ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("handle_hash", Digest, nullable=False, unique=True),
    Column("token_hash", Digest, nullable=False),
    Column("scopes", Text),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("revoked_at", UtcDateTime, index=True),
)

_family = token_families.c
_ADD = Statement(insert(token_families))
_WITH_HANDLE = Statement(select(token_families).where(_family.handle_hash == bindparam("handle")))
# Not found by the index of revocations, even where few are alive: who locks an entry there before
# the row would meet whoever has the row and revokes it, which changes the entry.
_ALIVE = func.coalesce(_family.revoked_at, null()).is_(None)
_ROTATE = Statement(
    update(token_families)
    .where(
        _family.id == bindparam("family_id"), _family.token_hash == bindparam("expected"), _ALIVE
    )
    .values(token_hash=bindparam("token_hash"), expires_at=bindparam("expires_at"))
)
_REVOKING = update(token_families).where(_ALIVE).values(revoked_at=bindparam("now"))
_REVOKE = Statement(_REVOKING.where(_family.id == bindparam("family_id")))
_REVOKE_ALL = Statement(_REVOKING.where(_family.user_id == bindparam("of_user")))
_REVOKE_OTHERS = Statement(
    _REVOKING.where(_family.user_id == bindparam("of_user"), _family.id != bindparam("keep"))
)
_REVOKED_AT = Statement(
    select(_family.id).where(
        _family.user_id == bindparam("of_user"), _family.revoked_at == bindparam("now")
    )
)
_REVOKED = Statement(select(_family.id).where(_family.revoked_at >= bindparam("since")))
_PRUNE = Statement(
    delete(token_families).where(
        _family.user_id == bindparam("of_user"), _family.expires_at < bindparam("before")
    )
)


class TokenFamilies:
    """Families of tokens as seen from one unit of work."""

    def __init__(self, work: UnitOfWork) -> None:
        self._work = work

    async def add(self, family: TokenFamily) -> None:
        """Store a new family."""
        scopes = None if family.scopes is None else " ".join(sorted(family.scopes))
        await self._work.fetch(_ADD, **{**asdict(family), "scopes": scopes})

    async def with_handle(self, handle_hash: bytes) -> TokenFamily | None:
        """The family of a refresh token, current or not."""
        rows = await self._work.fetch(_WITH_HANDLE, handle=handle_hash)
        return _family_of(rows[0]) if rows else None

    async def rotate(self, family: TokenFamily, token_hash: bytes, expires_at: datetime) -> bool:
        """Replace the current token; False where another request was first, or revoked it."""
        changed = await self._work.change(
            _ROTATE,
            family_id=family.id,
            expected=family.token_hash,
            token_hash=token_hash,
            expires_at=expires_at,
        )
        return bool(changed)

    async def revoke(self, family_id: UUID, now: datetime) -> bool:
        """Whether the family was alive until now."""
        return bool(await self._work.change(_REVOKE, family_id=family_id, now=now))

    async def revoke_all(
        self, user_id: UUID, now: datetime, keep: UUID | None = None
    ) -> Sequence[UUID]:
        """Revoke every family of the account but one; returns those that were alive."""
        statement = _REVOKE_ALL if keep is None else _REVOKE_OTHERS
        if not await self._work.change(statement, of_user=user_id, now=now, keep=keep):
            return []
        ended = await self._work.fetch(_REVOKED_AT, of_user=user_id, now=now)
        return [row[0] for row in ended]

    async def revoked_since(self, moment: datetime) -> Sequence[UUID]:
        """The families that were revoked at a moment or later."""
        return [row[0] for row in await self._work.fetch(_REVOKED, since=moment)]

    async def prune(self, user_id: UUID, before: datetime) -> None:
        """Forget the account's families that expired before a time."""
        await self._work.fetch(_PRUNE, of_user=user_id, before=before)


def _family_of(row: Any) -> TokenFamily:
    family_id, user_id, handle, token, scopes, created_at, expires_at, revoked_at = row
    return TokenFamily(
        id=family_id,
        user_id=user_id,
        handle_hash=handle,
        token_hash=token,
        scopes=None if scopes is None else frozenset(scopes.split()),
        created_at=created_at,
        expires_at=expires_at,
        revoked_at=revoked_at,
    )
