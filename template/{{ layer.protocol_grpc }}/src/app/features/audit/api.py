"""`audit.v1.AuditService`: the audit trail for auditors."""

from app.auth.access import requires
from app.auth.principal import Permission
from app.db.audit import AuditFilters
from app.features.audit.service import AuditService
from app.platform.audit import AuditEvent
from app.proto.audit.v1 import audit_pb2
from app.proto.audit.v1.audit_pb2_grpc import AuditServiceServicer
from app.transport.calls import ServicerContext, caller
from app.transport.paging import page_limit

_OUTCOMES = {
    "success": audit_pb2.AuditEvent.OUTCOME_SUCCESS,
    "failure": audit_pb2.AuditEvent.OUTCOME_FAILURE,
}
_KINDS = {
    "anonymous": audit_pb2.AuditEvent.ACTOR_KIND_ANONYMOUS,
    "user": audit_pb2.AuditEvent.ACTOR_KIND_USER,
    "machine": audit_pb2.AuditEvent.ACTOR_KIND_MACHINE,
}


class AuditApi(AuditServiceServicer):
    """The caller is known and the message valid when a method is entered."""

    def __init__(self, audit: AuditService) -> None:
        self._audit = audit

    @requires(Permission.AUDIT_READ)
    async def ListAuditEvents(
        self, request: audit_pb2.ListAuditEventsRequest, context: ServicerContext
    ) -> audit_pb2.ListAuditEventsResponse:
        filters = AuditFilters(
            actor=request.actor or None,
            action=request.action or None,
            object=request.object or None,
        )
        limit, token = page_limit(request.page_size), request.page_token or None
        page = await self._audit.page(caller(), filters, limit, token)
        return audit_pb2.ListAuditEventsResponse(
            audit_events=[_message(event) for event in page.events],
            next_page_token=page.next_cursor or "",
        )


def _message(event: AuditEvent) -> audit_pb2.AuditEvent:
    message = audit_pb2.AuditEvent(
        name=f"auditEvents/{event.id}",
        uid=str(event.id),
        actor=event.actor,
        actor_kind=_KINDS[event.actor_kind],
        action=event.action,
        object=event.object,
        outcome=_OUTCOMES[event.outcome],
        request_id=event.request_id,
        client_address=event.client_address,
        scopes=None if event.scopes is None else audit_pb2.Scopes(values=event.scopes),
    )
    message.occur_time.FromDatetime(event.occurred_at)
    return message
