"""Who is calling, and what they may do.

Roles grant permissions; scopes, where a credential carries them, narrow what the roles grant.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from app.errors import AppError, ErrorCode


class Permission(StrEnum):
    """One kind of operation; also the vocabulary of OAuth scopes."""

    ORDERS_READ = "orders:read"
    ORDERS_WRITE = "orders:write"
    ORDERS_READ_ALL = "orders:read_all"
    AUDIT_READ = "audit:read"
    OPS_READ = "ops:read"


class Role(StrEnum):
    """A named set of permissions given to a principal."""

    ADMIN = "admin"
    MEMBER = "member"
    VIEWER = "viewer"


ROLE_PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.ADMIN: frozenset(Permission),
    Role.MEMBER: frozenset({Permission.ORDERS_READ, Permission.ORDERS_WRITE}),
    Role.VIEWER: frozenset({Permission.ORDERS_READ}),
}


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated caller.

    `scopes` is None where the credential does not narrow the roles. `session_id` names what a
    revocation ends: a token family, a session or a key.
    """

    subject: str
    kind: Literal["user", "machine"]
    roles: frozenset[Role]
    scopes: frozenset[str] | None = None
    session_id: str | None = None
    permissions: frozenset[Permission] = field(init=False)

    def __post_init__(self) -> None:
        granted = frozenset[Permission]().union(*(ROLE_PERMISSIONS[role] for role in self.roles))
        if self.scopes is not None:
            granted = frozenset(p for p in granted if p.value in self.scopes)
        object.__setattr__(self, "permissions", granted)

    def require(self, permission: Permission) -> None:
        """Raise `AppError(FORBIDDEN)` unless the principal has the permission."""
        if permission not in self.permissions:
            raise AppError(
                ErrorCode.FORBIDDEN,
                f"This needs the permission {permission}",
                challenge="insufficient_scope",
            )
