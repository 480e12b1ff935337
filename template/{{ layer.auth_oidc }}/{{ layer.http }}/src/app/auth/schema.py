"""Callers as JSON."""

from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import BaseModel, Field

from app.auth.principal import Permission, Principal, Role


class CallerOut(BaseModel):
    """The caller, by its name in this service, and what its token allows."""

    id: UUID
    kind: Annotated[
        Literal["user", "machine"],
        Field(description="`machine` is a client that got the token for itself"),
    ]
    roles: Annotated[list[Role], Field(max_length=len(Role))]
    permissions: Annotated[list[Permission], Field(max_length=len(Permission))]

    @classmethod
    def of(cls, principal: Principal) -> Self:
        return cls(
            id=UUID(principal.subject),
            kind=principal.kind,
            roles=sorted(principal.roles),
            permissions=sorted(principal.permissions),
        )
