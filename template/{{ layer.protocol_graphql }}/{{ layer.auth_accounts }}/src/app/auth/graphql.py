"""Accounts in GraphQL: the caller's own, and those that own something."""

from datetime import datetime
from typing import Self
from uuid import UUID

import strawberry
from strawberry.dataloader import DataLoader

from app.auth.model import User
from app.auth.owners import owners_with_ids
from app.auth.principal import Permission, Principal, Role
from app.db import Database

RoleEnum = strawberry.enum(Role, description="A named set of permissions")


@strawberry.type(description="The caller's account, and what the caller may do")
class Account:
    id: strawberry.ID
    email: str
    roles: list[Role]
    permissions: list[str]
    created_at: datetime

    @classmethod
    def of(cls, user: User, principal: Principal) -> Self:
        return cls(
            id=strawberry.ID(str(user.id)),
            email=user.email,
            roles=[user.role],
            permissions=sorted(principal.permissions),
            created_at=user.created_at,
        )


@strawberry.type(description="The account that something belongs to")
class Owner:
    id: strawberry.ID
    email: str


def owner_loader(database: Database, caller: Principal | None) -> DataLoader[str, Owner | None]:
    """Loads owners by their subjects, all of an operation's in one query.

    Others than the caller are shown to those who may read what belongs to all.
    """

    async def load(subjects: list[str]) -> list[Owner | None]:
        if caller is None:
            return [None] * len(subjects)
        everybody = Permission.ORDERS_READ_ALL in caller.permissions
        wanted = [UUID(subject) for subject in subjects if everybody or subject == caller.subject]
        async with database.unit_of_work(read_only=True) as work:
            emails = await owners_with_ids(work, wanted)
        return [
            Owner(id=strawberry.ID(subject), email=email)
            if (email := emails.get(UUID(subject))) is not None
            else None
            for subject in subjects
        ]

    return DataLoader(load_fn=load)
