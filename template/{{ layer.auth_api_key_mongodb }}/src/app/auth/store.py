"""Clients and their keys in the database."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from pymongo import DESCENDING

from app.auth.api_key import ApiKey, Client
from app.auth.principal import Role
from app.db import UnitOfWork
from app.db.client import Document
from app.platform.ids import new_uuid


class ApiKeys:
    """Keys as seen from one unit of work. Each holds its client too, which never changes."""

    def __init__(self, work: UnitOfWork) -> None:
        self._clients = work.collection("api_clients")
        self._keys = work.collection("api_keys")

    async def client_named(self, name: str) -> Client | None:
        """The client of that name."""
        found = await self._clients.find_one({"name": name})
        return None if found is None else _client_of(found)

    async def add_client(self, client: Client) -> None:
        """Store a new client; CONFLICT where another transaction adds the same name."""
        await self._clients.insert_one(_document_of(client))

    async def add(self, key: ApiKey, secret_hash: bytes) -> None:
        """Store a new key."""
        await self._keys.insert_one(
            {
                "_id": key.id,
                "client": _document_of(key.client),
                "role": key.role,
                "scopes": None if key.scopes is None else sorted(key.scopes),
                "created_at": key.created_at,
                "expires_at": key.expires_at,
                "last_used_at": key.last_used_at,
                "revoked_at": key.revoked_at,
                "secret_hash": secret_hash,
            }
        )

    async def with_hash(self, key_id: UUID) -> tuple[ApiKey, bytes] | None:
        """The key, and the hash of what its client holds."""
        found = await self._keys.find_one({"_id": key_id})
        return None if found is None else (_key_of(found), found["secret_hash"])

    async def get(self, key_id: UUID, *, lock: bool = False) -> ApiKey | None:
        """The key; `lock` keeps others from changing it."""
        if lock:
            # A write, which alone keeps others from writing; each time of another value.
            locked = {"$set": {"locked_by": new_uuid()}}
            found = await self._keys.find_one_and_update({"_id": key_id}, locked)
        else:
            found = await self._keys.find_one({"_id": key_id})
        return None if found is None else _key_of(found)

    async def page(self, client: str | None, after: UUID | None, limit: int) -> Sequence[ApiKey]:
        """Keys, the newest first; `after` is the id of the last one of the page before."""
        wanted: dict[str, Any] = {}
        if client is not None:
            wanted["client.name"] = client
        if after is not None:
            wanted["_id"] = {"$lt": after}
        # Ids are ordered by time, and serve as the sort key.
        found = await self._keys.find(wanted, sort=[("_id", DESCENDING)], limit=limit)
        return [_key_of(key) for key in found]

    async def end_at(self, key_id: UUID, moment: datetime) -> None:
        """Let the key expire then."""
        await self._keys.update_one({"_id": key_id}, {"$set": {"expires_at": moment}})

    async def revoke(self, key_id: UUID, now: datetime) -> None:
        """End the key."""
        await self._keys.update_one({"_id": key_id}, {"$set": {"revoked_at": now}})

    async def note_uses(self, uses: Mapping[UUID, datetime], interval: timedelta) -> None:
        """Store when keys were last used, unless a use less than an interval before is known."""
        for key_id, moment in sorted(uses.items()):
            lately = {"last_used_at": {"$gt": moment - interval}}
            await self._keys.update_one(
                {"_id": key_id, "$nor": [lately]}, {"$set": {"last_used_at": moment}}
            )


def _document_of(client: Client) -> Document:
    return {"_id": client.id, "name": client.name, "created_at": client.created_at}


def _client_of(document: Document) -> Client:
    return Client(document["_id"], document["name"], document["created_at"])


def _key_of(document: Document) -> ApiKey:
    scopes = document["scopes"]
    return ApiKey(
        id=document["_id"],
        client=_client_of(document["client"]),
        role=Role(document["role"]),
        scopes=None if scopes is None else frozenset(scopes),
        created_at=document["created_at"],
        expires_at=document["expires_at"],
        last_used_at=document["last_used_at"],
        revoked_at=document["revoked_at"],
    )
