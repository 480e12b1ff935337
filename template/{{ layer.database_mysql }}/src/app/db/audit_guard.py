"""What keeps the audit trail from TRUNCATE, for which no trigger is asked."""

from sqlalchemy import Column, ForeignKey, Table

from app.db.audit import audit_events
from app.db.schema import Uuid, metadata

# Always empty: the server truncates and drops no table that another one refers to.
audit_events_guard = Table(
    "audit_events_guard",
    metadata,
    Column(
        "id", Uuid, ForeignKey(audit_events.c.id, name="audit_is_append_only"), primary_key=True
    ),
)
