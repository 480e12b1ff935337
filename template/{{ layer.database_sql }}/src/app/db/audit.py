"""The store of the audit trail: append-only, which triggers enforce."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import JSON, Column, Index, Table, Text, Uuid, delete, insert, select

from app.db.schema import UtcDateTime, metadata
from app.db.unit_of_work import UnitOfWork
from app.platform.audit_event import AuditEvent

audit_events = Table(
    "audit_events",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("occurred_at", UtcDateTime, nullable=False),
    Column("actor", Text, nullable=False),
    Column("actor_kind", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("object", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    Column("client_address", Text, nullable=False),
    Column("scopes", JSON(none_as_null=True)),
    Index(None, "occurred_at"),
    Index(None, "actor", "id"),
    Index(None, "object", "id"),
)


@dataclass(frozen=True, slots=True)
class AuditFilters:
    """Which events to list; None matches all."""

    actor: str | None = None
    action: str | None = None
    object: str | None = None


class AuditLog:
    """The audit trail as seen from one unit of work."""

    def __init__(self, work: UnitOfWork) -> None:
        self._connection = work.connection

    async def append(self, event: AuditEvent) -> None:
        await self._connection.execute(insert(audit_events), asdict(event))

    async def page(
        self, after: UUID | None, limit: int, filters: AuditFilters
    ) -> Sequence[AuditEvent]:
        """The newest events first; `after` is the id of the last event of the page before."""
        query = select(audit_events).order_by(audit_events.c.id.desc()).limit(limit)
        if after is not None:
            query = query.where(audit_events.c.id < after)
        for name, value in asdict(filters).items():
            if value is not None:
                query = query.where(audit_events.c[name] == value)
        rows = await self._connection.execute(query)
        return [AuditEvent(**row) for row in rows.mappings()]

    async def prune(self, before: datetime) -> int:
        """Delete the events before a time, 90 days ago or earlier; returns how many."""
        done = await self._connection.execute(
            delete(audit_events).where(audit_events.c.occurred_at < before)
        )
        return done.rowcount
