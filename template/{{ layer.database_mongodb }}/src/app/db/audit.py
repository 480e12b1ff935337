"""The store of the audit trail, which offers no way to change an event."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from pymongo import ASCENDING, DESCENDING

from app.db.client import Document
from app.db.unit_of_work import UnitOfWork
from app.platform.audit_event import AuditEvent

RETENTION = timedelta(days=90)
COLLECTION = "audit_events"


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
        await self._events.insert_one(
            {
                "_id": event.id,
                "occurred_at": event.occurred_at,
                "actor": event.actor,
                "actor_kind": event.actor_kind,
                "action": event.action,
                "object": event.object,
                "outcome": event.outcome,
                "request_id": event.request_id,
                "client_address": event.client_address,
                "scopes": event.scopes,
            }
        )

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
    return AuditEvent(id=document.pop("_id"), **document)
