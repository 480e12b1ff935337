"""Families of tokens in the database."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from app.auth.refresh_tokens import TokenFamily
from app.db import UnitOfWork
from app.db.client import Document


class TokenFamilies:
    """Families of tokens as seen from one unit of work."""

    def __init__(self, work: UnitOfWork) -> None:
        self._families = work.collection("token_families")

    async def add(self, family: TokenFamily) -> None:
        """Store a new family."""
        values = asdict(family)
        values["scopes"] = None if family.scopes is None else sorted(family.scopes)
        await self._families.insert_one({"_id": values.pop("id"), **values})

    async def with_handle(self, handle_hash: bytes) -> TokenFamily | None:
        """The family of a refresh token, current or not."""
        found = await self._families.find_one({"handle_hash": handle_hash})
        return None if found is None else _family_of(found)

    async def rotate(self, family: TokenFamily, token_hash: bytes, expires_at: datetime) -> bool:
        """Replace the current token; False where another request was first, or revoked it."""
        return await self._families.update_one(
            {"_id": family.id, "token_hash": family.token_hash, "revoked_at": None},
            {"$set": {"token_hash": token_hash, "expires_at": expires_at}},
        )

    async def revoke(self, family_id: UUID, now: datetime) -> bool:
        """Whether the family was alive until now."""
        return await self._families.update_one(
            {"_id": family_id, "revoked_at": None}, {"$set": {"revoked_at": now}}
        )

    async def revoke_all(
        self, user_id: UUID, now: datetime, keep: UUID | None = None
    ) -> Sequence[UUID]:
        """Revoke every family of the account but one; returns those that were alive."""
        alive: dict[str, Any] = {"user_id": user_id, "revoked_at": None}
        if keep is not None:
            alive["_id"] = {"$ne": keep}
        if not await self._families.update_many(alive, {"$set": {"revoked_at": now}}):
            return []
        return await self._ids({"user_id": user_id, "revoked_at": now})

    async def revoked_since(self, moment: datetime) -> Sequence[UUID]:
        """The families that were revoked at a moment or later."""
        return await self._ids({"revoked_at": {"$gte": moment}})

    async def prune(self, user_id: UUID, before: datetime) -> None:
        """Forget the account's families that expired before a time."""
        await self._families.delete_many({"user_id": user_id, "expires_at": {"$lt": before}})

    async def _ids(self, wanted: dict[str, Any]) -> list[UUID]:
        return [found["_id"] for found in await self._families.find(wanted, fields=["_id"])]


def _family_of(document: Document) -> TokenFamily:
    scopes = document["scopes"]
    return TokenFamily(
        id=document["_id"],
        user_id=document["user_id"],
        handle_hash=document["handle_hash"],
        token_hash=document["token_hash"],
        scopes=None if scopes is None else frozenset(scopes),
        created_at=document["created_at"],
        expires_at=document["expires_at"],
        revoked_at=document["revoked_at"],
    )
