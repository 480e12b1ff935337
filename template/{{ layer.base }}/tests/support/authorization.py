"""Who may do what, said a second time and apart from the service: every protocol is held to it."""

from dataclasses import dataclass
from itertools import product

from tests.support.accounts import SCOPED

NEEDED = {
    "create": "orders:write",
    "list": "orders:read",
    "get": "orders:read",
    "watch": "orders:read",
    "update": "orders:write",
    "place": "orders:write",
    "cancel": "orders:write",
    "audit": "audit:read",
}
ON_AN_ORDER = ("get", "watch", "update", "place", "cancel")
GRANTED = {
    "anonymous": set[str](),
    "viewer": {"orders:read"},
    "member": {"orders:read", "orders:write"},
    "admin": {"orders:read", "orders:write", "orders:read_all", "audit:read", "ops:read"},
}
# Where credentials can be narrowed, a scope takes away, and never adds.
SCOPES = [None, "orders:read", "orders:write", "orders:read orders:read_all", "audit:read"]


@dataclass(frozen=True)
class Case:
    """A caller who tries an operation on an order, where it is on one: their own or another's."""

    operation: str
    role: str
    scope: str | None
    owned: bool

    def __str__(self) -> str:
        narrowed = f"-with-{self.scope.replace(' ', '-and-')}" if self.scope else ""
        whose = ("-own" if self.owned else "-another") if self.operation in ON_AN_ORDER else ""
        return f"{self.operation}{whose}-by-{self.role}{narrowed}"

    @property
    def expected(self) -> str | None:
        """The code of the error, or none."""
        if self.role == "anonymous":
            return "UNAUTHENTICATED"
        granted = GRANTED[self.role]
        if self.scope is not None:
            granted = granted & set(self.scope.split())
        if NEEDED[self.operation] not in granted:
            return "FORBIDDEN"
        if self.owned or self.operation not in ON_AN_ORDER:
            return None
        if "orders:read_all" not in granted:
            return "NOT_FOUND"
        # Who may read all orders may not change them.
        return "FORBIDDEN" if NEEDED[self.operation] == "orders:write" else None


def cases(*operations: str) -> list[Case]:
    """Every operation, role, scope and ownership that there can be."""
    scopes = SCOPES if SCOPED else [None]
    found = [Case(*it) for it in product(operations, GRANTED, scopes, (False, True))]
    return [case for case in found if _possible(case)]


def _possible(case: Case) -> bool:
    if case.scope is not None and not GRANTED[case.role] & set(case.scope.split()):
        # Such credentials are not given.
        return False
    # Only who may make an order has one.
    return not case.owned or (
        case.operation in ON_AN_ORDER and "orders:write" in GRANTED[case.role]
    )
