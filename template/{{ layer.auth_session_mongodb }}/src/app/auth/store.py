"""Sessions in the database."""

from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from app.auth.principal import Role
from app.auth.sessions import Session
from app.db import UnitOfWork


class Sessions:
    """Sessions as seen from one unit of work."""

    def __init__(self, work: UnitOfWork) -> None:
        self._sessions = work.collection("sessions")

    async def add(self, session: Session) -> None:
        """Store a new session."""
        values = asdict(session)
        await self._sessions.insert_one({"_id": values.pop("id"), **values})

    async def with_key(self, digest: bytes) -> Session | None:
        """The session of a key, which may have expired."""
        return await self._find({"key_hash": digest})

    async def get(self, session_id: UUID) -> Session | None:
        """The session of this id, which may have expired."""
        return await self._find({"_id": session_id})

    async def prolong(self, session: Session, expires_at: datetime) -> None:
        """Move the expiry, unless the session has ended or another request was first."""
        await self._sessions.update_one(
            {"_id": session.id, "expires_at": session.expires_at},
            {"$set": {"expires_at": expires_at}},
        )

    async def change_key(self, session_id: UUID, digest: bytes) -> bool:
        """Replace the key; False where the session has ended."""
        change = {"$set": {"key_hash": digest}}
        return await self._sessions.update_one({"_id": session_id}, change)

    async def end(self, session_id: UUID) -> None:
        """Forget the session."""
        await self._sessions.delete_many({"_id": session_id})

    async def end_with_key(self, digest: bytes) -> None:
        """Forget the session of a key, if there is one."""
        await self._sessions.delete_many({"key_hash": digest})

    async def end_all(self, user_id: UUID, keep: UUID | None = None) -> None:
        """Forget every session of the account but one."""
        wanted: dict[str, Any] = {"user_id": user_id}
        if keep is not None:
            wanted["_id"] = {"$ne": keep}
        await self._sessions.delete_many(wanted)

    async def prune(self, user_id: UUID, now: datetime) -> None:
        """Forget the account's sessions that have expired."""
        await self._sessions.delete_many({"user_id": user_id, "expires_at": {"$lte": now}})

    async def _find(self, wanted: dict[str, Any]) -> Session | None:
        found = await self._sessions.find_one(wanted)
        if found is None:
            return None
        return Session(
            id=found["_id"],
            key_hash=found["key_hash"],
            user_id=found["user_id"],
            role=Role(found["role"]),
            created_at=found["created_at"],
            expires_at=found["expires_at"],
        )
