"""The store of the audit trail, which offers no way to change an event."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from pymongo import ASCENDING, DESCENDING

from app.db.client import Document
from app.db.unit_of_work import UnitOfWork
from app.platform.audit_event import AuditEvent

RETENTION = timedelta(days=90)
COLLECTION = "audit_events"
_FIELDS = [field.name for field in fields(AuditEvent) if field.name != "id"]


@dataclass(frozen=True, slots=True)
class AuditFilters:
    """Which events to list; None matches all."""

    actor: str | None = None
    action: str | None = None
    object: str | None = None


class AuditLog:
    """The audit trail as seen from one unit of work."""

    def __init__(self, work: UnitOfWork) -> None:
        self._events = work.collection(COLLECTION)

    async def append(self, event: AuditEvent) -> None:
        """Add an event."""
        # Not `asdict`, which copies every value deeply.
        values = {name: getattr(event, name) for name in _FIELDS}
        await self._events.insert_one({"_id": event.id, **values})

    async def page(
        self, after: UUID | None, limit: int, filters: AuditFilters
    ) -> Sequence[AuditEvent]:
        """Events, the newest first; `after` is the id of the last one of the page before."""
        wanted: dict[str, Any] = {
            name: value for name, value in asdict(filters).items() if value is not None
        }
        if after is not None:
            wanted["_id"] = {"$lt": after}
        # Ids are ordered by time, and serve as the sort key.
        found = await self._events.find(wanted, sort=[("_id", DESCENDING)], limit=limit)
        return [_event(document) for document in found]

    async def prune(self, before: datetime, limit: int) -> int:
        """Delete the oldest events before a time; returns how many.

        Raises ValueError for a time within the retention of 90 days.
        """
        if before > datetime.now(UTC) - RETENTION:
            raise ValueError("audit events are kept for at least 90 days")
        old = await self._events.find(
            {"occurred_at": {"$lt": before}},
            sort=[("occurred_at", ASCENDING)],
            limit=limit,
            fields=["_id"],
        )
        return await self._events.delete_many({"_id": {"$in": [event["_id"] for event in old]}})


def _event(document: Document) -> AuditEvent:
    # By name: a later release may have added fields.
    return AuditEvent(id=document["_id"], **{name: document[name] for name in _FIELDS})
