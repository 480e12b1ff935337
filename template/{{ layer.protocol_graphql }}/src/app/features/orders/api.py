"""Orders: parse, call the service, answer."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated
from uuid import UUID

import strawberry

from app.auth.principal import Permission
from app.errors import AppError, ErrorCode, FieldFault
from app.features.orders.model import OrderStatus
from app.features.orders.schema import (
    CreateOrderInput,
    Order,
    OrderConnection,
    OrderPayload,
    OrderSort,
    UpdateOrderInput,
)
from app.features.orders.service import OrderFilter, Outcome
from app.transport.graphql.access import mutation, query, subscription
from app.transport.graphql.context import Info, idempotency_key

_LONGEST_CURSOR = 512

Key = Annotated[
    str | None,
    strawberry.argument(
        description="Sent again with the same input, the mutation is answered but not repeated; "
        "the header Idempotency-Key serves as well"
    ),
]
Version = strawberry.argument(description="The version that the change is based on")


@strawberry.type
class OrderQueries:
    @query(Permission.ORDERS_READ, "One order")
    async def order(self, info: Info, id: strawberry.ID) -> Order | None:  # noqa: A002
        caller = info.context.principal
        return Order.of(await info.context.service.orders.get(caller, _uuid(id)))

    @query(Permission.ORDERS_READ, "The caller's orders, or all for who may read all")
    async def orders(
        self,
        info: Info,
        first: int = 20,
        after: str | None = None,
        status: OrderStatus | None = None,
        order_by: OrderSort = OrderSort.CREATED_AT_DESC,
    ) -> OrderConnection | None:
        if after is not None and len(after) > _LONGEST_CURSOR:
            raise AppError(ErrorCode.INVALID_CURSOR)
        wanted = OrderFilter(status, order_by.value)
        caller = info.context.principal
        page = await info.context.service.orders.page(caller, wanted, first, after)
        return OrderConnection.of(page, after)


@strawberry.type
class OrderMutations:
    @mutation(Permission.ORDERS_WRITE, "Create a draft order")
    async def create_order(
        self,
        info: Info,
        input: CreateOrderInput,  # noqa: A002
        idempotency_key: Key = None,
    ) -> OrderPayload | None:
        draft = input.to_model()
        key = _key(info, idempotency_key)
        caller = info.context.principal
        return _outcome(info, await info.context.service.orders.create(caller, draft, key))

    @mutation(Permission.ORDERS_WRITE, "Change a draft order")
    async def update_order(
        self,
        info: Info,
        id: strawberry.ID,  # noqa: A002
        expected_version: Annotated[int, Version],
        input: UpdateOrderInput,  # noqa: A002
    ) -> OrderPayload | None:
        order = await info.context.service.orders.update(
            info.context.principal, _uuid(id), input.to_model(), {expected_version}
        )
        return OrderPayload(order=Order.of(order))

    @mutation(Permission.ORDERS_WRITE, "Place a draft order; its confirmation follows")
    async def place_order(
        self,
        info: Info,
        id: strawberry.ID,  # noqa: A002
        idempotency_key: Key = None,
    ) -> OrderPayload | None:
        order_id = _uuid(id)
        key = _key(info, idempotency_key)
        caller = info.context.principal
        return _outcome(info, await info.context.service.orders.place(caller, order_id, key))

    @mutation(Permission.ORDERS_WRITE, "Cancel a draft or placed order")
    async def cancel_order(
        self,
        info: Info,
        id: strawberry.ID,  # noqa: A002
        expected_version: Annotated[int | None, Version] = None,
    ) -> OrderPayload | None:
        versions = None if expected_version is None else {expected_version}
        order = await info.context.service.orders.cancel(
            info.context.principal, _uuid(id), versions
        )
        return OrderPayload(order=Order.of(order))


@strawberry.type
class OrderSubscriptions:
    @subscription(Permission.ORDERS_READ, "The order, each time that its status has changed")
    async def order_status_changed(
        self,
        info: Info,
        id: strawberry.ID,  # noqa: A002
    ) -> AsyncGenerator[Order]:
        known: OrderStatus | None = None
        async with aclosing(
            info.context.watch.changes(info.context.principal, _uuid(id))
        ) as changes:
            # The first is the order as it is when the subscription begins.
            async for order in changes:
                if known not in {None, order.status}:
                    yield Order.of(order)
                known = order.status


_key = idempotency_key


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        fault = FieldFault("id", "must be a UUID")
        raise AppError(ErrorCode.VALIDATION_ERROR, details=[fault]) from None


def _outcome(info: Info, outcome: Outcome) -> OrderPayload:
    info.context.replayed |= outcome.replayed
    return OrderPayload(order=Order.of(outcome.order), replayed=outcome.replayed)
