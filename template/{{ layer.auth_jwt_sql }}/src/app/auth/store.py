"""Accounts and families of tokens in the database."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    LargeBinary,
    Select,
    Table,
    Text,
    Uuid,
    delete,
    exists,
    insert,
    literal,
    select,
    update,
)

from app.auth.model import TokenFamily, User
from app.auth.principal import Role
from app.db import UnitOfWork
from app.db.schema import UtcDateTime, metadata

users = Table(
    "users",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("email", Text, nullable=False, unique=True),
    Column("password_hash", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("disabled", Boolean, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
)
token_families = Table(
    "token_families",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("user_id", Uuid, ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("handle_hash", LargeBinary(32), nullable=False, unique=True),
    Column("token_hash", LargeBinary(32), nullable=False),
    Column("scopes", Text),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("revoked_at", UtcDateTime, index=True),
)


class Users:
    """Accounts as seen from one unit of work."""

    def __init__(self, work: UnitOfWork) -> None:
        self._connection = work.connection

    async def add_if_absent(self, user: User) -> bool:
        """Whether the account was added: False where its address has one, unchanged."""
        values = [literal(value, users.c[name].type) for name, value in asdict(user).items()]
        known = exists().where(users.c.email == user.email)
        done = await self._connection.execute(
            insert(users).from_select(list(asdict(user)), select(*values).where(~known))
        )
        return done.rowcount == 1

    async def with_email(self, email: str, *, lock: bool = False) -> User | None:
        """The account of a normalised address; `lock` keeps others from changing it."""
        return await self._one(select(users).where(users.c.email == email), lock)

    async def get(self, user_id: UUID, *, lock: bool = False) -> User | None:
        return await self._one(select(users).where(users.c.id == user_id), lock)

    async def update(self, user_id: UUID, **values: object) -> None:
        """Change fields of an account."""
        await self._connection.execute(update(users).where(users.c.id == user_id).values(values))

    async def _one(self, query: Select[Any], lock: bool) -> User | None:
        if lock:
            query = query.with_for_update(key_share=True)
        row = (await self._connection.execute(query)).mappings().one_or_none()
        return None if row is None else User(**{**row, "role": Role(row["role"])})


class TokenFamilies:
    """Families of tokens as seen from one unit of work."""

    def __init__(self, work: UnitOfWork) -> None:
        self._connection = work.connection

    async def add(self, family: TokenFamily) -> None:
        scopes = None if family.scopes is None else " ".join(sorted(family.scopes))
        await self._connection.execute(insert(token_families), {**asdict(family), "scopes": scopes})

    async def with_handle(self, handle_hash: bytes) -> TokenFamily | None:
        query = select(token_families).where(token_families.c.handle_hash == handle_hash)
        row = (await self._connection.execute(query)).mappings().one_or_none()
        if row is None:
            return None
        scopes = None if row["scopes"] is None else frozenset(row["scopes"].split())
        return TokenFamily(**{**row, "scopes": scopes})

    async def rotate(self, family: TokenFamily, token_hash: bytes, expires_at: datetime) -> bool:
        """Replace the current token; False where another request was first, or revoked it."""
        done = await self._connection.execute(
            update(token_families)
            .where(
                token_families.c.id == family.id,
                token_families.c.token_hash == family.token_hash,
                token_families.c.revoked_at.is_(None),
            )
            .values(token_hash=token_hash, expires_at=expires_at)
        )
        return done.rowcount == 1

    async def revoke(self, family_id: UUID, now: datetime) -> bool:
        """Whether the family was alive until now."""
        done = await self._connection.execute(
            update(token_families)
            .where(token_families.c.id == family_id, token_families.c.revoked_at.is_(None))
            .values(revoked_at=now)
        )
        return done.rowcount == 1

    async def revoke_all(
        self, user_id: UUID, now: datetime, keep: UUID | None = None
    ) -> Sequence[UUID]:
        """Revoke every family of the account but one; returns those that were alive."""
        query = update(token_families).where(
            token_families.c.user_id == user_id, token_families.c.revoked_at.is_(None)
        )
        if keep is not None:
            query = query.where(token_families.c.id != keep)
        ended = await self._connection.scalars(
            query.values(revoked_at=now).returning(token_families.c.id)
        )
        return ended.all()

    async def revoked_since(self, moment: datetime) -> Sequence[UUID]:
        query = select(token_families.c.id).where(token_families.c.revoked_at >= moment)
        return (await self._connection.scalars(query)).all()

    async def prune(self, user_id: UUID, before: datetime) -> None:
        """Forget the account's families that expired before a time."""
        await self._connection.execute(
            delete(token_families).where(
                token_families.c.user_id == user_id, token_families.c.expires_at < before
            )
        )
