"""`/orders`: parse, call the service, answer."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Body, Query, Response

from app.auth.access import requires
from app.auth.principal import Permission
from app.features.orders.model import Order
from app.features.orders.schema import (
    CreateOrder,
    OrderListOut,
    OrderListQuery,
    OrderOut,
    PatchOrder,
)
from app.features.orders.service import OrderFilter, Outcome
from app.transport.access import AccessRoute
from app.transport.conditions import IfNoneMatch, is_current
from app.transport.idempotency import REPLAYED, REPLAYED_HEADER, IdempotencyKeyDep
from app.transport.if_match import (
    ETAG_HEADER,
    IF_MATCH_PARAMETER,
    IfMatch,
    RequiredIfMatch,
    entity_tag,
)
from app.transport.pagination import LINK_HEADER, PaginationOut, link_next
from app.transport.request import ApiRequest
from app.transport.responses import error_responses, success
from app.transport.versioning import public_path

router = APIRouter(prefix="/orders", tags=["orders"], route_class=AccessRoute)

_LOCATION = {
    "Location": {"description": "The order", "schema": {"type": "string", "maxLength": 2048}}
}
_MERGE_PATCH = {
    "parameters": [IF_MATCH_PARAMETER],
    "requestBody": {
        "content": {
            media_type: {"schema": {"$ref": "#/components/schemas/PatchOrder"}}
            for media_type in ("application/merge-patch+json", "application/json")
        }
    },
}


@router.post(
    "",
    operation_id="createOrder",
    status_code=201,
    responses={
        201: success("The order", **_LOCATION, **ETAG_HEADER, **REPLAYED_HEADER),
        **error_responses(409, 413, 415, 422),
    },
)
@requires(Permission.ORDERS_WRITE)
async def create_order(
    body: CreateOrder,
    key: IdempotencyKeyDep,
    request: ApiRequest,
    response: Response,
) -> OrderOut:
    """Create a draft order."""
    outcome = await request.service.orders.create(request.principal, body.to_model(), key)
    response.headers["Location"] = public_path(f"{request.url.path}/{outcome.order.id}")
    return _outcome(response, outcome)


@router.get(
    "",
    operation_id="listOrders",
    responses={200: success("One page of orders", **LINK_HEADER), **error_responses(422)},
)
@requires(Permission.ORDERS_READ)
async def list_orders(
    query: Annotated[OrderListQuery, Query()],
    request: ApiRequest,
    response: Response,
) -> OrderListOut:
    """List the caller's orders, or all orders for who may read all."""
    wanted = OrderFilter(query.status, query.sort)
    page = await request.service.orders.page(request.principal, wanted, query.limit, query.cursor)
    link_next(request, response, query, page.next_cursor)
    return OrderListOut(
        data=[OrderOut.of(order) for order in page.orders],
        pagination=PaginationOut.of(page.next_cursor, query.limit),
    )


@router.get(
    "/{order_id}",
    operation_id="getOrder",
    response_model=OrderOut,
    responses={
        200: success("The order", **ETAG_HEADER),
        304: success("The caller already holds this version", **ETAG_HEADER),
        **error_responses(404, 422),
    },
)
@requires(Permission.ORDERS_READ)
async def get_order(
    order_id: UUID,
    request: ApiRequest,
    response: Response,
    if_none_match: IfNoneMatch = None,
) -> OrderOut | Response:
    """Read one order."""
    order = await request.service.orders.get(request.principal, order_id)
    tag = entity_tag(order.version)
    if is_current(if_none_match, tag):
        return Response(status_code=304, headers={"ETag": tag})
    return _tagged(response, order)


@router.patch(
    "/{order_id}",
    operation_id="updateOrder",
    openapi_extra=_MERGE_PATCH,
    responses={
        200: success("The changed order", **ETAG_HEADER),
        **error_responses(404, 409, 412, 413, 415, 422, 428),
    },
)
@requires(Permission.ORDERS_WRITE)
async def update_order(
    order_id: UUID,
    body: Annotated[PatchOrder, Body()],
    versions: RequiredIfMatch,
    request: ApiRequest,
    response: Response,
) -> OrderOut:
    """Change a draft order by JSON merge patch."""
    order = await request.service.orders.update(
        request.principal, order_id, body.to_model(), versions
    )
    return _tagged(response, order)


@router.post(
    "/{order_id}/placements",
    operation_id="placeOrder",
    status_code=202,
    responses={
        202: success("The order, its confirmation under way", **ETAG_HEADER, **REPLAYED_HEADER),
        **error_responses(404, 409, 413, 422),
    },
)
@requires(Permission.ORDERS_WRITE)
async def place_order(
    order_id: UUID,
    key: IdempotencyKeyDep,
    request: ApiRequest,
    response: Response,
) -> OrderOut:
    """Place a draft order; its confirmation follows in the background."""
    return _outcome(response, await request.service.orders.place(request.principal, order_id, key))


@router.delete(
    "/{order_id}",
    operation_id="cancelOrder",
    status_code=204,
    responses={204: success("The order is cancelled"), **error_responses(404, 409, 412, 422)},
)
@requires(Permission.ORDERS_WRITE)
async def cancel_order(order_id: UUID, versions: IfMatch, request: ApiRequest) -> None:
    """Cancel a draft or placed order."""
    await request.service.orders.cancel(request.principal, order_id, versions)


def _outcome(response: Response, outcome: Outcome) -> OrderOut:
    if outcome.replayed:
        response.headers.update(REPLAYED)
    return _tagged(response, outcome.order)


def _tagged(response: Response, order: Order) -> OrderOut:
    response.headers["ETag"] = entity_tag(order.version)
    return OrderOut.of(order)
