"""`orders.v1.OrderService`, as another service calls it."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Self

import grpc
from google.protobuf.field_mask_pb2 import FieldMask

from app.client.channel import ClientOptions, TokenSource, open_channel
from app.platform.ids import new_id
from app.proto.orders.v1 import orders_pb2
from app.proto.orders.v1.orders_pb2_grpc import OrderServiceStub

if TYPE_CHECKING:
    from app.proto.orders.v1.orders_pb2_grpc import OrderServiceAsyncStub

Order = orders_pb2.Order
OrderLine = orders_pb2.OrderLine

_SERVICE = orders_pb2.DESCRIPTOR.services_by_name["OrderService"]
# Each call of these carries a key, so that calling again does nothing twice.
_KEYED = frozenset({"CreateOrder", "PlaceOrder"})


class OrdersClient:
    """Opens its connection with the first call; to be used as an async context manager.

    Every method raises `CallError`. A `key` makes a call the same as an earlier one with it; unset,
    each call is one of its own, and only its retries are the same.
    """

    def __init__(
        self,
        target: str,
        *,
        token: TokenSource | None = None,
        credentials: grpc.ChannelCredentials | None = None,
        options: ClientOptions | None = None,
    ) -> None:
        chosen = replace(options or ClientOptions(), repeatable=_KEYED)
        self._channel = open_channel(
            target, [_SERVICE], token=token, credentials=credentials, options=chosen
        )
        self._stub: OrderServiceAsyncStub = OrderServiceStub(self._channel)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._channel.close()

    async def create(
        self,
        customer_reference: str,
        currency: str,
        lines: Sequence[OrderLine],
        key: str | None = None,
    ) -> Order:
        """A new draft."""
        order = Order(customer_reference=customer_reference, currency=currency, lines=lines)
        request = orders_pb2.CreateOrderRequest(order=order)
        return await self._stub.CreateOrder(request, metadata=_keyed(key))

    async def get(self, name: str) -> Order:
        """One order."""
        return await self._stub.GetOrder(orders_pb2.GetOrderRequest(name=name))

    async def list(
        self, state: Order.State.ValueType = Order.STATE_UNSPECIFIED, page_size: int = 100
    ) -> AsyncIterator[Order]:
        """Every order, or those in a state, the newest first, page after page."""
        request = orders_pb2.ListOrdersRequest(state=state, page_size=page_size)
        while True:
            page = await self._stub.ListOrders(request)
            for order in page.orders:
                yield order
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    async def update(self, order: Order, *fields: str) -> Order:
        """Store the named fields of an order as it was read, unless it has changed since."""
        mask = FieldMask(paths=fields)
        request = orders_pb2.UpdateOrderRequest(order=order, update_mask=mask)
        return await self._stub.UpdateOrder(request)

    async def place(self, name: str, key: str | None = None) -> Order:
        """Place a draft."""
        request = orders_pb2.PlaceOrderRequest(name=name)
        return await self._stub.PlaceOrder(request, metadata=_keyed(key))

    async def cancel(self, name: str, etag: str = "") -> Order:
        """Cancel a draft or placed order, in the version of the tag where one is given."""
        return await self._stub.CancelOrder(orders_pb2.CancelOrderRequest(name=name, etag=etag))

    async def watch(self, name: str = "") -> AsyncIterator[Order]:
        """Orders as they change, until the service ends the stream with `CallError`."""
        async for message in self._stub.WatchOrders(orders_pb2.WatchOrdersRequest(name=name)):
            yield message.order


def _keyed(key: str | None) -> grpc.aio.Metadata:
    return grpc.aio.Metadata(("idempotency-key", key or new_id()))
