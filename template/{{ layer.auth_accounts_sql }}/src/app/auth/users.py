"""Accounts in the database."""

from collections.abc import Sequence
from dataclasses import asdict
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Boolean,
    Column,
    Table,
    bindparam,
    exists,
    insert,
    select,
    update,
)

from app.auth.model import User
from app.auth.principal import Role
from app.db import UnitOfWork
from app.db.schema import Name, UtcDateTime, Uuid, metadata
from app.db.statement import Statement

users = Table(
    "users",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("email", Name, nullable=False, unique=True),
    Column("password_hash", Name, nullable=False),
    Column("role", Name, nullable=False),
    Column("disabled", Boolean, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
)

_user = users.c
_WITH_EMAIL = select(users).where(_user.email == bindparam("email"))
_WITH_ID = select(users).where(_user.id == bindparam("id"))
_FIND = {
    (by, lock): Statement(query.with_for_update(key_share=True) if lock else query)
    for by, query in (("email", _WITH_EMAIL), ("id", _WITH_ID))
    for lock in (False, True)
}
_ADD_IF_ABSENT = Statement(
    insert(users).from_select(
        users.c.keys(),
        select(*(bindparam(column.name, type_=column.type) for column in users.c)).where(
            ~exists().where(_user.email == bindparam("email", type_=_user.email.type))
        ),
    )
)


@cache
def _change(*names: str) -> Statement:
    change = update(users).where(_user.id == bindparam("user_id"))
    return Statement(change.values({name: bindparam(name) for name in names}))


class Users:
    """Accounts as seen from one unit of work."""

    def __init__(self, work: UnitOfWork) -> None:
        self._work = work

    async def add_if_absent(self, user: User) -> bool:
        """Whether the account was added: False where its address has one, unchanged.

        CONFLICT where another transaction adds the same address at this moment.
        """
        return bool(await self._work.change(_ADD_IF_ABSENT, **asdict(user)))

    async def with_email(self, email: str, *, lock: bool = False) -> User | None:
        """The account of a normalised address; `lock` keeps others from changing it."""
        return _one_user(await self._work.fetch(_FIND["email", lock], email=email))

    async def get(self, user_id: UUID, *, lock: bool = False) -> User | None:
        """The account; `lock` keeps others from changing it."""
        return _one_user(await self._work.fetch(_FIND["id", lock], id=user_id))

    async def update(self, user_id: UUID, **values: object) -> None:
        """Change fields of an account."""
        await self._work.fetch(_change(*sorted(values)), user_id=user_id, **values)


def _one_user(rows: Sequence[Any]) -> User | None:
    if not rows:
        return None
    user_id, email, password_hash, role, disabled, created_at = rows[0]
    return User(user_id, email, password_hash, Role(role), disabled, created_at)
