"""Callers in GraphQL, and those that own something: the identity provider keeps their accounts."""

from typing import Self

import strawberry
from strawberry.dataloader import DataLoader

from app.auth.principal import Permission, Principal, Role
from app.db import Database

RoleEnum = strawberry.enum(Role, description="A named set of permissions")


@strawberry.type(description="The caller, and what its token allows")
class Account:
    id: strawberry.ID
    kind: str = strawberry.field(
        description="`user`, or `machine` for a client that got the token for itself"
    )
    roles: list[Role]
    permissions: list[str]

    @classmethod
    def of(cls, principal: Principal) -> Self:
        return cls(
            id=strawberry.ID(principal.subject),
            kind=principal.kind,
            roles=sorted(principal.roles),
            permissions=sorted(principal.permissions),
        )


@strawberry.type(description="The caller that something belongs to")
class Owner:
    id: strawberry.ID


def owner_loader(_database: Database, caller: Principal | None) -> DataLoader[str, Owner | None]:
    """Loads owners by their subjects.

    Others than the caller are shown to those who may read what belongs to all.
    """
    everybody = caller is not None and Permission.ORDERS_READ_ALL in caller.permissions

    async def load(subjects: list[str]) -> list[Owner | None]:
        return [
            Owner(id=strawberry.ID(subject))
            if everybody or (caller is not None and subject == caller.subject)
            else None
            for subject in subjects
        ]

    return DataLoader(load_fn=load)
