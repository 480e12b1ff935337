"""Clients in GraphQL: the caller, and those that own something."""

from datetime import datetime
from typing import Self
from uuid import UUID

import strawberry
from strawberry.dataloader import DataLoader

from app.auth.api_key import ApiKey
from app.auth.owners import owners_with_ids
from app.auth.principal import Permission, Principal, Role
from app.db import Database

RoleEnum = strawberry.enum(Role, description="A named set of permissions")


@strawberry.type(description="The client that calls, and what its key allows")
class Client:
    id: strawberry.ID
    name: str
    roles: list[Role]
    permissions: list[str]
    created_at: datetime

    @classmethod
    def of(cls, key: ApiKey) -> Self:
        return cls(
            id=strawberry.ID(str(key.client.id)),
            name=key.client.name,
            roles=[key.role],
            permissions=sorted(key.permissions),
            created_at=key.client.created_at,
        )


@strawberry.type(description="The client that something belongs to")
class Owner:
    id: strawberry.ID
    name: str


def owner_loader(database: Database, caller: Principal | None) -> DataLoader[str, Owner | None]:
    """Loads owners by their subjects, all of an operation's in one query.

    Others than the caller are shown to those who may read what belongs to all.
    """

    async def load(subjects: list[str]) -> list[Owner | None]:
        if caller is None:
            return [None] * len(subjects)
        everybody = Permission.ORDERS_READ_ALL in caller.permissions
        shown = [subject for subject in subjects if everybody or subject == caller.subject]
        ids = {subject: _client_id(subject) for subject in shown}
        async with database.unit_of_work(read_only=True) as work:
            names = await owners_with_ids(work, [id_ for id_ in ids.values() if id_ is not None])
        return [
            Owner(id=strawberry.ID(subject), name=names[id_])
            if (id_ := ids.get(subject)) in names
            else None
            for subject in subjects
        ]

    return DataLoader(load_fn=load)


def _client_id(subject: str) -> UUID | None:
    """None for the subject of another authentication, which the service may have had before."""
    try:
        return UUID(subject)
    except ValueError:
        return None
