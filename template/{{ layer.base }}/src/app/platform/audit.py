"""The audit trail: what happened, in the same transaction as the act."""

from datetime import UTC, datetime

from app.auth.principal import Principal
from app.db import UnitOfWork
from app.db.audit import AuditLog
from app.platform.audit_event import AuditEvent, Outcome
from app.platform.context import context
from app.platform.ids import new_uuid

__all__ = ["AuditEvent", "audit"]


async def audit(
    work: UnitOfWork,
    action: str,
    target: str,
    outcome: Outcome = "success",
    principal: Principal | None = None,
) -> None:
    """Append what the current request has done to `target`, which reads `<kind>/<id>`.

    `principal` is the one who acts, where the context does not know them yet.
    """
    current = context()
    actor = principal or current.principal
    scopes = None if actor is None or actor.scopes is None else tuple(sorted(actor.scopes))
    await AuditLog(work).append(
        AuditEvent(
            id=new_uuid(),
            occurred_at=datetime.now(UTC),
            actor="" if actor is None else actor.subject,
            actor_kind="anonymous" if actor is None else actor.kind,
            action=action,
            object=target,
            outcome=outcome,
            request_id=current.request_id,
            client_address=current.client_address,
            scopes=scopes,
        )
    )
