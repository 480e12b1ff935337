"""`/audit-events`: the audit trail for auditors."""

from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from app.auth.access import requires
from app.auth.principal import Permission
from app.db.audit import AuditFilters
from app.platform.audit import AuditEvent
from app.transport.access import AccessRoute
from app.transport.optional import Omittable
from app.transport.pagination import LINK_HEADER, PageQuery, PaginationOut, link_next
from app.transport.request import ApiRequest
from app.transport.responses import error_responses, success

router = APIRouter(prefix="/audit-events", tags=["audit"], route_class=AccessRoute)

_Text = Annotated[str, Field(max_length=200)]


class AuditEventOut(BaseModel):
    """Who did what to which object, from where, and how it ended."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    occurred_at: datetime
    actor: _Text
    actor_kind: Literal["user", "machine", "anonymous"]
    action: _Text
    object: _Text
    outcome: Literal["success", "failure"]
    request_id: _Text
    client_address: _Text
    scopes: Annotated[list[_Text], Field(max_length=100)] | None

    @classmethod
    def of(cls, event: AuditEvent) -> Self:
        return cls.model_validate(event)


class AuditEventListOut(BaseModel):
    data: Annotated[list[AuditEventOut], Field(max_length=100)]
    pagination: PaginationOut


class AuditEventListQuery(PageQuery):
    """Which events to list; a filter left out matches all."""

    actor: Omittable[_Text] = None
    action: Omittable[_Text] = None
    object: Omittable[_Text] = None


@router.get(
    "",
    operation_id="listAuditEvents",
    responses={200: success("One page of events", **LINK_HEADER), **error_responses(422)},
)
@requires(Permission.AUDIT_READ)
async def list_audit_events(
    query: Annotated[AuditEventListQuery, Query()],
    request: ApiRequest,
    response: Response,
) -> AuditEventListOut:
    """List audit events, the newest first."""
    filters = AuditFilters(actor=query.actor, action=query.action, object=query.object)
    page = await request.service.audit.page(request.principal, filters, query.limit, query.cursor)
    link_next(request, response, query, page.next_cursor)
    return AuditEventListOut(
        data=[AuditEventOut.of(event) for event in page.events],
        pagination=PaginationOut.of(page.next_cursor, query.limit),
    )
