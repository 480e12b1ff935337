"""What callers may do with orders: permission, ownership and rules, each act in one transaction.

Every protocol, the command line and the tests come through here.
"""

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from uuid import UUID

from pydantic import TypeAdapter

from app.auth.principal import Permission, Principal
from app.db import Database, UnitOfWork
from app.db.idempotency import IdempotencyRecords
from app.errors import AppError, ErrorCode
from app.features.orders.model import Order, OrderChanges, OrderDraft, OrderStatus
from app.features.orders.store import OrderSort, OrderStore
from app.features.orders.tasks import ORDER_PLACED
from app.platform.audit import audit
from app.platform.idempotency import IdempotencyKey, IdempotencySettings
from app.platform.pagination import Cursors, Position
from app.queue import Queue

_stored_order = TypeAdapter(Order)


@dataclass(frozen=True, slots=True)
class OrderFilter:
    """Which orders a list shows; None does not narrow."""

    status: OrderStatus | None = None
    sort: OrderSort = "-created_at"


@dataclass(frozen=True, slots=True)
class OrderPage:
    """`cursor_after` gives the cursor that leads on from an order of the page."""

    orders: list[Order]
    has_more: bool
    cursor_after: Callable[[Order], str]

    @property
    def next_cursor(self) -> str | None:
        """None on the last page."""
        return self.cursor_after(self.orders[-1]) if self.has_more else None


@dataclass(frozen=True, slots=True)
class Outcome:
    """`replayed` is true where an earlier call with the same idempotency key made the order."""

    order: Order
    replayed: bool = False


class OrderService:
    """The operations on orders. Each raises `AppError`, and nothing else, for what callers do."""

    def __init__(
        self,
        database: Database,
        queue: Queue,
        cursors: Cursors,
        idempotency: IdempotencySettings,
    ) -> None:
        self._database = database
        self._queue = queue
        self._cursors = cursors
        self._replay_seconds = idempotency.idempotency_ttl_seconds

    async def create(
        self, principal: Principal, draft: OrderDraft, key: IdempotencyKey | None
    ) -> Outcome:
        """Make a draft order that belongs to the principal."""
        principal.require(Permission.ORDERS_WRITE)
        async with self._database.unit_of_work() as work:
            if key and (stored := await IdempotencyRecords(work).claim(key)):
                return Outcome(_stored_order.validate_json(stored), replayed=True)
            order = Order.new(principal.subject, draft)
            await OrderStore(work).add(order)
            await audit(work, "orders.create", f"orders/{order.id}")
            await self._remember(work, key, order)
        return Outcome(order)

    async def get(self, principal: Principal, order_id: UUID) -> Order:
        """The order, where the principal may see it; `NOT_FOUND` otherwise."""
        principal.require(Permission.ORDERS_READ)
        async with self._database.unit_of_work(read_only=True) as work:
            return await self._visible(work, principal, order_id)

    async def page(
        self, principal: Principal, wanted: OrderFilter, limit: int, cursor: str | None
    ) -> OrderPage:
        """One page of the principal's own orders, or of all where they may read all."""
        principal.require(Permission.ORDERS_READ)
        owner = None if Permission.ORDERS_READ_ALL in principal.permissions else principal.subject
        scope = f"orders:{owner}:{wanted.status}:{wanted.sort}"
        after = None if cursor is None else self._cursors.decode(cursor, scope)
        async with self._database.unit_of_work(read_only=True) as work:
            found = await OrderStore(work).page(
                owner=owner, status=wanted.status, sort=wanted.sort, after=after, limit=limit + 1
            )

        def cursor_after(order: Order) -> str:
            return self._cursors.encode(Position(order.created_at, order.id), scope)

        return OrderPage(found[:limit], len(found) > limit, cursor_after)

    async def update(
        self,
        principal: Principal,
        order_id: UUID,
        changes: OrderChanges,
        versions: AbstractSet[int] | None,
    ) -> Order:
        """Change a draft that is at one of `versions`; None accepts any version.

        Raises `PRECONDITION_FAILED` where the order has moved on.
        """
        principal.require(Permission.ORDERS_WRITE)
        async with self._database.unit_of_work() as work:
            current = await self._own(work, principal, order_id)
            if versions is not None and current.version not in versions:
                raise AppError(ErrorCode.PRECONDITION_FAILED)
            changed = current.changed(changes)
            if not await OrderStore(work).update(changed, current.version):
                raise AppError(ErrorCode.PRECONDITION_FAILED)
            await audit(work, "orders.update", f"orders/{order_id}")
        return changed

    async def place(
        self, principal: Principal, order_id: UUID, key: IdempotencyKey | None
    ) -> Outcome:
        """Place a draft and queue its confirmation."""
        principal.require(Permission.ORDERS_WRITE)
        async with self._database.unit_of_work() as work:
            if key and (stored := await IdempotencyRecords(work).claim(key)):
                return Outcome(_stored_order.validate_json(stored), replayed=True)
            placed = await self._advance(work, principal, order_id, Order.placed)
            await audit(work, "orders.place", f"orders/{order_id}")
            await self._queue.publish(
                work,
                ORDER_PLACED,
                version=1,
                payload={
                    "order_id": str(placed.id),
                    "customer_reference": placed.customer_reference,
                    "currency": placed.currency,
                    "total": str(placed.total),
                },
            )
            await self._remember(work, key, placed)
        return Outcome(placed)

    async def cancel(
        self, principal: Principal, order_id: UUID, versions: AbstractSet[int] | None = None
    ) -> Order:
        """Cancel a draft or placed order; `versions` as in `update`."""
        principal.require(Permission.ORDERS_WRITE)
        async with self._database.unit_of_work() as work:
            cancelled = await self._advance(work, principal, order_id, Order.cancelled, versions)
            await audit(work, "orders.cancel", f"orders/{order_id}")
        return cancelled

    async def _visible(self, work: UnitOfWork, principal: Principal, order_id: UUID) -> Order:
        order = await OrderStore(work).get(order_id)
        if order is None or (
            order.owner != principal.subject
            and Permission.ORDERS_READ_ALL not in principal.permissions
        ):
            raise AppError(ErrorCode.NOT_FOUND)
        return order

    async def _own(self, work: UnitOfWork, principal: Principal, order_id: UUID) -> Order:
        """The order, where the principal may change it: who may read all may not change all."""
        order = await self._visible(work, principal, order_id)
        if order.owner != principal.subject:
            raise AppError(ErrorCode.FORBIDDEN, "Only who made an order may change it")
        return order

    async def _advance(
        self,
        work: UnitOfWork,
        principal: Principal,
        order_id: UUID,
        step: Callable[[Order], Order],
        versions: AbstractSet[int] | None = None,
    ) -> Order:
        """Store the order's next state, from whatever state concurrent requests leave it in."""
        while True:
            current = await self._own(work, principal, order_id)
            if versions is not None and current.version not in versions:
                raise AppError(ErrorCode.PRECONDITION_FAILED)
            following = step(current)
            if await OrderStore(work).update(following, current.version):
                return following

    async def _remember(self, work: UnitOfWork, key: IdempotencyKey | None, order: Order) -> None:
        if key:
            result = _stored_order.dump_json(order)
            await IdempotencyRecords(work).complete(key, result, self._replay_seconds)
