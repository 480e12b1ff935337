"""Sessions in the database."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Column, ForeignKey, Table, bindparam, delete, insert, select, update

from app.auth.principal import Role
from app.auth.sessions import Session
from app.db import UnitOfWork
from app.db.schema import Digest, Name, UtcDateTime, Uuid, metadata
from app.db.statement import Statement

sessions = Table(
    "sessions",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("key_hash", Digest, nullable=False, unique=True),
    Column("user_id", Uuid, ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("role", Name, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
)

_session = sessions.c
_OF_USER = _session.user_id == bindparam("of_user")
_ADD = Statement(insert(sessions))
_WITH_KEY = Statement(select(sessions).where(_session.key_hash == bindparam("digest")))
_WITH_ID = Statement(select(sessions).where(_session.id == bindparam("session_id")))
_PROLONG = Statement(
    update(sessions)
    .where(_session.id == bindparam("session_id"), _session.expires_at == bindparam("known"))
    .values(expires_at=bindparam("expires_at"))
)
_CHANGE_KEY = Statement(
    update(sessions)
    .where(_session.id == bindparam("session_id"))
    .values(key_hash=bindparam("digest"))
)
_END = Statement(delete(sessions).where(_session.id == bindparam("session_id")))
_END_WITH_KEY = Statement(delete(sessions).where(_session.key_hash == bindparam("digest")))
_END_ALL = Statement(delete(sessions).where(_OF_USER))
_END_OTHERS = Statement(delete(sessions).where(_OF_USER, _session.id != bindparam("keep")))
_PRUNE = Statement(delete(sessions).where(_OF_USER, _session.expires_at <= bindparam("now")))


class Sessions:
    """Sessions as seen from one unit of work."""

    def __init__(self, work: UnitOfWork) -> None:
        self._work = work

    async def add(self, session: Session) -> None:
        """Store a new session."""
        await self._work.change(_ADD, **asdict(session))

    async def with_key(self, digest: bytes) -> Session | None:
        """The session of a key, which may have expired."""
        return _one(await self._work.fetch(_WITH_KEY, digest=digest))

    async def get(self, session_id: UUID) -> Session | None:
        """The session of this id, which may have expired."""
        return _one(await self._work.fetch(_WITH_ID, session_id=session_id))

    async def prolong(self, session: Session, expires_at: datetime) -> None:
        """Move the expiry, unless the session has ended or another request was first."""
        await self._work.change(
            _PROLONG, session_id=session.id, known=session.expires_at, expires_at=expires_at
        )

    async def change_key(self, session_id: UUID, digest: bytes) -> bool:
        """Replace the key; False where the session has ended."""
        return bool(await self._work.change(_CHANGE_KEY, session_id=session_id, digest=digest))

    async def end(self, session_id: UUID) -> None:
        """Forget the session."""
        await self._work.change(_END, session_id=session_id)

    async def end_with_key(self, digest: bytes) -> None:
        """Forget the session of a key, if there is one."""
        await self._work.change(_END_WITH_KEY, digest=digest)

    async def end_all(self, user_id: UUID, keep: UUID | None = None) -> None:
        """Forget every session of the account but one."""
        statement = _END_ALL if keep is None else _END_OTHERS
        await self._work.change(statement, of_user=user_id, keep=keep)

    async def prune(self, user_id: UUID, now: datetime) -> None:
        """Forget the account's sessions that have expired."""
        await self._work.change(_PRUNE, of_user=user_id, now=now)


def _one(rows: Sequence[Any]) -> Session | None:
    if not rows:
        return None
    session_id, key_hash, user_id, role, created_at, expires_at = rows[0]
    return Session(session_id, key_hash, user_id, Role(role), created_at, expires_at)
