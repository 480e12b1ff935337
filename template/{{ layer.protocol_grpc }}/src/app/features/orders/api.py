"""`orders.v1.OrderService`: read the message, call the service, answer."""

from collections.abc import AsyncIterator
from contextlib import aclosing

from app.auth.access import requires
from app.auth.principal import Permission
from app.errors import AppError, ErrorCode
from app.features.orders.messages import (
    expected_versions,
    order_changes,
    order_draft,
    order_id,
    order_message,
    order_status,
)
from app.features.orders.service import OrderFilter, OrderService, Outcome
from app.features.orders.store import OrderSort
from app.features.orders.watch import OrderWatch
from app.proto.orders.v1 import orders_pb2
from app.proto.orders.v1.orders_pb2_grpc import OrderServiceServicer
from app.transport.calls import ServicerContext, caller
from app.transport.idempotency import idempotency_key, note_replay
from app.transport.paging import page_limit


class OrdersApi(OrderServiceServicer):
    """The caller is known and the message valid when a method is entered."""

    def __init__(self, orders: OrderService, watch: OrderWatch) -> None:
        self._orders = orders
        self._watch = watch

    @requires(Permission.ORDERS_WRITE)
    async def CreateOrder(
        self, request: orders_pb2.CreateOrderRequest, context: ServicerContext
    ) -> orders_pb2.Order:
        draft = order_draft(request.order)
        return _told(await self._orders.create(caller(), draft, idempotency_key(request)))

    @requires(Permission.ORDERS_READ)
    async def GetOrder(
        self, request: orders_pb2.GetOrderRequest, context: ServicerContext
    ) -> orders_pb2.Order:
        return order_message(await self._orders.get(caller(), order_id(request.name)))

    @requires(Permission.ORDERS_READ)
    async def ListOrders(
        self, request: orders_pb2.ListOrdersRequest, context: ServicerContext
    ) -> orders_pb2.ListOrdersResponse:
        sort: OrderSort = "created_at" if request.order_by == "create_time" else "-created_at"
        page = await self._orders.page(
            caller(),
            OrderFilter(order_status(request.state), sort),
            page_limit(request.page_size),
            request.page_token or None,
        )
        return orders_pb2.ListOrdersResponse(
            orders=[order_message(order) for order in page.orders],
            next_page_token=page.next_cursor or "",
        )

    @requires(Permission.ORDERS_WRITE)
    async def UpdateOrder(
        self, request: orders_pb2.UpdateOrderRequest, context: ServicerContext
    ) -> orders_pb2.Order:
        changes = order_changes(request)
        order = request.order
        if not order.etag:
            raise AppError(ErrorCode.PRECONDITION_REQUIRED)
        return order_message(
            await self._orders.update(
                caller(), order_id(order.name), changes, expected_versions(order.etag)
            )
        )

    @requires(Permission.ORDERS_WRITE)
    async def PlaceOrder(
        self, request: orders_pb2.PlaceOrderRequest, context: ServicerContext
    ) -> orders_pb2.Order:
        key = idempotency_key(request)
        return _told(await self._orders.place(caller(), order_id(request.name), key))

    @requires(Permission.ORDERS_WRITE)
    async def CancelOrder(
        self, request: orders_pb2.CancelOrderRequest, context: ServicerContext
    ) -> orders_pb2.Order:
        versions = expected_versions(request.etag) if request.etag else None
        return order_message(await self._orders.cancel(caller(), order_id(request.name), versions))

    @requires(Permission.ORDERS_READ)
    async def WatchOrders(
        self, request: orders_pb2.WatchOrdersRequest, context: ServicerContext
    ) -> AsyncIterator[orders_pb2.WatchOrdersResponse]:
        wanted = order_id(request.name) if request.name else None
        async with aclosing(self._watch.changes(caller(), wanted)) as changes:
            async for order in changes:
                yield orders_pb2.WatchOrdersResponse(order=order_message(order))


def _told(outcome: Outcome) -> orders_pb2.Order:
    if outcome.replayed:
        note_replay()
    return order_message(outcome.order)
