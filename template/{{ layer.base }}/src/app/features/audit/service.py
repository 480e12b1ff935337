"""Reading the audit trail."""

from dataclasses import dataclass

from app.auth.principal import Permission, Principal
from app.db import Database
from app.db.audit import AuditFilters, AuditLog
from app.platform.audit import AuditEvent
from app.platform.pagination import Cursors, Position


@dataclass(frozen=True, slots=True)
class AuditPage:
    """`next_cursor` is None on the last page."""

    events: list[AuditEvent]
    next_cursor: str | None


class AuditService:
    """The audit trail for who may read it."""

    def __init__(self, database: Database, cursors: Cursors) -> None:
        self._database = database
        self._cursors = cursors

    async def page(
        self, principal: Principal, filters: AuditFilters, limit: int, cursor: str | None
    ) -> AuditPage:
        """One page of events, the newest first."""
        principal.require(Permission.AUDIT_READ)
        scope = f"audit:{filters}"
        after = None if cursor is None else self._cursors.decode(cursor, scope).id
        async with self._database.unit_of_work(read_only=True) as work:
            found = await AuditLog(work).page(after, limit + 1, filters)
        events = list(found[:limit])
        if len(found) <= limit:
            return AuditPage(events, None)
        last = Position(events[-1].occurred_at, events[-1].id)
        return AuditPage(events, self._cursors.encode(last, scope))
