"""The store of the audit trail: append-only, which the database itself enforces."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    Column,
    Index,
    Integer,
    Table,
    bindparam,
    insert,
    select,
)

from app.db.free_rows import DeleteFree
from app.db.schema import Json, Name, UtcDateTime, Uuid, metadata
from app.db.statement import Statement
from app.db.unit_of_work import UnitOfWork
from app.platform.audit_event import AuditEvent

RETENTION = timedelta(days=90)

# Triggers refuse every change, and the deletion of what is younger than the retention.
audit_events = Table(
    "audit_events",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("occurred_at", UtcDateTime, nullable=False, index=True),
    Column("actor", Name, nullable=False),
    Column("actor_kind", Name, nullable=False),
    Column("action", Name, nullable=False),
    Column("object", Name, nullable=False),
    Column("outcome", Name, nullable=False),
    Column("request_id", Name, nullable=False),
    Column("client_address", Name, nullable=False),
    Column("scopes", Json(none_as_null=True)),
    CheckConstraint("actor_kind IN ('user', 'machine', 'anonymous')", name="actor_kind"),
    CheckConstraint("outcome IN ('success', 'failure')", name="outcome"),
    Index(None, "actor", "id"),
    Index(None, "action", "id"),
    Index(None, "object", "id"),
)


@dataclass(frozen=True, slots=True)
class AuditFilters:
    """Which events to list; None matches all."""

    actor: str | None = None
    action: str | None = None
    object: str | None = None


_COLUMNS = tuple(audit_events.c.keys())
_ADD = Statement(insert(audit_events))
_PRUNE = DeleteFree(
    select(audit_events.c.id)
    .where(audit_events.c.occurred_at < bindparam("before"))
    .order_by(audit_events.c.occurred_at)
    .limit(bindparam("limit", type_=Integer))
)


@cache
def _page(filters: frozenset[str], *, after: bool) -> Statement:
    # Ids are ordered by time, and serve as the sort key.
    query = select(audit_events).order_by(audit_events.c.id.desc())
    for name in sorted(filters):
        query = query.where(audit_events.c[name] == bindparam(name))
    if after:
        query = query.where(audit_events.c.id < bindparam("after"))
    return Statement(query.limit(bindparam("limit", type_=Integer)))


class AuditLog:
    """The audit trail as seen from one unit of work."""

    def __init__(self, work: UnitOfWork) -> None:
        self._work = work

    async def append(self, event: AuditEvent) -> None:
        """Add an event."""
        # Not `asdict`, which copies every value deeply: a tenth of a write's CPU.
        await self._work.fetch(_ADD, **{name: getattr(event, name) for name in _COLUMNS})

    async def page(
        self, after: UUID | None, limit: int, filters: AuditFilters
    ) -> Sequence[AuditEvent]:
        """Events, the newest first; `after` is the id of the last one of the page before."""
        wanted = {name: value for name, value in asdict(filters).items() if value is not None}
        statement = _page(frozenset(wanted), after=after is not None)
        rows = await self._work.fetch(statement, after=after, limit=limit, **wanted)
        return [AuditEvent(*row) for row in rows]

    async def prune(self, before: datetime, limit: int) -> int:
        """Delete the oldest events before a time; returns how many.

        Raises ValueError for a time within the retention of 90 days.
        """
        if before > datetime.now(UTC) - RETENTION:
            raise ValueError("audit events are kept for at least 90 days")
        return await _PRUNE.run(self._work, before=before, limit=limit)
