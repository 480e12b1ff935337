"""Clients and their keys in the database."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Column,
    ForeignKey,
    Index,
    Integer,
    Table,
    bindparam,
    insert,
    or_,
    select,
    update,
)

from app.auth.api_key import ApiKey, Client
from app.auth.principal import Role
from app.db import UnitOfWork
from app.db.schema import Digest, Name, Text, UtcDateTime, Uuid, metadata
from app.db.statement import Statement

api_clients = Table(
    "api_clients",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("name", Name, nullable=False, unique=True),
    Column("created_at", UtcDateTime, nullable=False),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("client_id", Uuid, ForeignKey("api_clients.id"), nullable=False),
    Column("role", Name, nullable=False),
    Column("scopes", Text),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("last_used_at", UtcDateTime),
    Column("revoked_at", UtcDateTime),
    Column("secret_hash", Digest, nullable=False),
    Index(None, "client_id", "id"),
)

_client, _key = api_clients.c, api_keys.c
_KNOWN = select(
    _key.id,
    _client.id.label("of_client"),
    _client.name,
    _client.created_at.label("client_created_at"),
    _key.role,
    _key.scopes,
    _key.created_at,
    _key.expires_at,
    _key.last_used_at,
    _key.revoked_at,
    _key.secret_hash,
).join_from(api_keys, api_clients, _client.id == _key.client_id)
_WITH_ID = _KNOWN.where(_key.id == bindparam("id"))
_FIND = Statement(_WITH_ID)
_LOCK = Statement(_WITH_ID.with_for_update(key_share=True))
_CLIENT = Statement(select(api_clients).where(_client.name == bindparam("name")))
_ADD_CLIENT = Statement(insert(api_clients))
_ADD = Statement(insert(api_keys))
_THE_KEY = update(api_keys).where(_key.id == bindparam("key_id"))
_END = Statement(_THE_KEY.values(expires_at=bindparam("moment")))
_REVOKE = Statement(_THE_KEY.values(revoked_at=bindparam("moment")))
_NOTE_USE = Statement(
    _THE_KEY.where(
        or_(_key.last_used_at.is_(None), _key.last_used_at <= bindparam("before"))
    ).values(last_used_at=bindparam("moment"))
)


@cache
def _page(*, client: bool, after: bool) -> Statement:
    # Ids are ordered by time, and serve as the sort key.
    query = _KNOWN.order_by(_key.id.desc()).limit(bindparam("limit", type_=Integer))
    if client:
        query = query.where(_key.client_id == bindparam("client_id"))
    if after:
        query = query.where(_key.id < bindparam("after"))
    return Statement(query)


class ApiKeys:
    """Keys as seen from one unit of work."""

    def __init__(self, work: UnitOfWork) -> None:
        self._work = work

    async def client_named(self, name: str) -> Client | None:
        """The client of that name."""
        rows = await self._work.fetch(_CLIENT, name=name)
        return Client(*rows[0]) if rows else None

    async def add_client(self, client: Client) -> None:
        """Store a new client; CONFLICT where another transaction adds the same name."""
        await self._work.change(
            _ADD_CLIENT, id=client.id, name=client.name, created_at=client.created_at
        )

    async def add(self, key: ApiKey, secret_hash: bytes) -> None:
        """Store a new key."""
        await self._work.change(
            _ADD,
            id=key.id,
            client_id=key.client.id,
            role=key.role,
            scopes=None if key.scopes is None else " ".join(sorted(key.scopes)),
            created_at=key.created_at,
            expires_at=key.expires_at,
            last_used_at=key.last_used_at,
            revoked_at=key.revoked_at,
            secret_hash=secret_hash,
        )

    async def with_hash(self, key_id: UUID) -> tuple[ApiKey, bytes] | None:
        """The key, and the hash of what its client holds."""
        rows = await self._work.fetch(_FIND, id=key_id)
        return (_key_of(rows[0]), rows[0][-1]) if rows else None

    async def get(self, key_id: UUID, *, lock: bool = False) -> ApiKey | None:
        """The key; `lock` keeps others from changing it."""
        rows = await self._work.fetch(_LOCK if lock else _FIND, id=key_id)
        return _key_of(rows[0]) if rows else None

    async def page(self, client: str | None, after: UUID | None, limit: int) -> Sequence[ApiKey]:
        """Keys, the newest first; `after` is the id of the last one of the page before."""
        found = None if client is None else await self.client_named(client)
        if client is not None and found is None:
            return []
        statement = _page(client=found is not None, after=after is not None)
        client_id = None if found is None else found.id
        rows = await self._work.fetch(statement, client_id=client_id, after=after, limit=limit)
        return [_key_of(row) for row in rows]

    async def end_at(self, key_id: UUID, moment: datetime) -> None:
        """Let the key expire then."""
        await self._work.change(_END, key_id=key_id, moment=moment)

    async def revoke(self, key_id: UUID, now: datetime) -> None:
        """End the key."""
        await self._work.change(_REVOKE, key_id=key_id, moment=now)

    async def note_uses(self, uses: Mapping[UUID, datetime], interval: timedelta) -> None:
        """Store when keys were last used, unless a use less than an interval before is known."""
        rows = [
            {"key_id": key_id, "moment": moment, "before": moment - interval}
            # In one order, so that no two writers deadlock.
            for key_id, moment in sorted(uses.items())
        ]
        await self._work.run_many(_NOTE_USE, rows)


def _key_of(row: Any) -> ApiKey:
    key_id, client_id, name, client_created, role, scopes, created, expires, used, revoked, _ = row
    return ApiKey(
        id=key_id,
        client=Client(client_id, name, client_created),
        role=Role(role),
        scopes=None if scopes is None else frozenset(scopes.split()),
        created_at=created,
        expires_at=expires,
        last_used_at=used,
        revoked_at=revoked,
    )
