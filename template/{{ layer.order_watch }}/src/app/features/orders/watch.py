"""Telling callers of orders as they change, whichever process changes them.

The database is asked, so that nothing else has to keep up with it: twice a second for all watchers
of a process together, and never while nobody watches.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from uuid import UUID

import structlog

from app.auth.principal import Permission, Principal
from app.db import Database
from app.errors import AppError, ErrorCode
from app.features.orders.changes import OrderChange, changed_orders
from app.features.orders.model import Order
from app.features.orders.service import OrderService
from app.features.orders.store import OrderStore

log = structlog.get_logger()

_INTERVAL_SECONDS = 0.5
# A change is seen once it is committed: later than it was made, by a clock that may be another's.
_LATEST_COMMIT = timedelta(seconds=15)
_MOST_CHANGES = 10_000


class OrderWatch:
    """Watches for all callers of a process: `most` at a time, and `most_each` of one principal."""

    def __init__(self, database: Database, orders: OrderService, most: int, most_each: int) -> None:
        self._database = database
        self._orders = orders
        self._most = most
        self._most_each = most_each
        self._watchers: set[_Watcher] = set()
        self._watched = asyncio.Event()
        self._looking = asyncio.Lock()
        self._seen: dict[UUID, int] = {}
        self._stopped = False

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Look for changes until the end of the context, which ends every watch."""
        looking = asyncio.create_task(self._look_on())
        try:
            yield
        finally:
            self.stop()
            looking.cancel()
            await asyncio.wait([looking])

    def stop(self) -> None:
        """End every watch, and take no new one: the process is about to end."""
        self._stopped = True
        self._end(AppError(ErrorCode.OVERLOADED, "The service is stopping", retry_after=1))

    async def changes(
        self, principal: Principal, order_id: UUID | None = None
    ) -> AsyncGenerator[Order]:
        """Each order that the principal may see, as often as it changes; or one order.

        One order comes first as it is now. Who is slow misses states in between, never the last.
        Raises `AppError`: NOT_FOUND, FORBIDDEN, OVERLOADED while too many watch or the service
        stops, and DEPENDENCY_UNAVAILABLE once the database is away.
        """
        principal.require(Permission.ORDERS_READ)
        watcher = await self._join(principal, order_id)
        try:
            if order_id is not None:
                order = await self._orders.get(principal, order_id)
                watcher.told[order_id] = order.version
                yield order
            while True:
                yield await watcher.next()
        finally:
            self._watchers.discard(watcher)
            if not self._watchers:
                self._watched.clear()

    async def _join(self, principal: Principal, order_id: UUID | None) -> "_Watcher":
        async with self._looking:
            if self._stopped or len(self._watchers) >= self._most:
                message = "Too many callers watch orders, or the service is stopping"
                raise AppError(ErrorCode.OVERLOADED, message, retry_after=1)
            own = sum(watcher.subject == principal.subject for watcher in self._watchers)
            if own >= self._most_each:
                message = f"One principal may watch {self._most_each} times at once"
                raise AppError(ErrorCode.OVERLOADED, message, retry_after=1)
            if not self._watchers:
                await self._find_changes()
            watcher = _Watcher(principal, order_id)
            self._watchers.add(watcher)
            self._watched.set()
            return watcher

    async def _look_on(self) -> None:
        while True:
            await self._watched.wait()
            await asyncio.sleep(_INTERVAL_SECONDS)
            try:
                async with self._looking:
                    await self._tell(await self._find_changes())
            except AppError as error:
                self._end(error)
            except Exception:
                log.exception("order_watch_failed")
                self._end(AppError(ErrorCode.INTERNAL_ERROR))

    async def _find_changes(self) -> list[OrderChange]:
        """What has changed since the call before, oldest first."""
        since = datetime.now(UTC) - _LATEST_COMMIT
        async with self._database.unit_of_work(read_only=True) as work:
            found = await changed_orders(work, since, _MOST_CHANGES)
        fresh = [it for it in found if self._seen.get(it.order_id) != it.version]
        self._seen = {it.order_id: it.version for it in found}
        return fresh

    async def _tell(self, changes: list[OrderChange]) -> None:
        for change in changes:
            watchers = [watcher for watcher in self._watchers if watcher.wants(change)]
            if watchers:
                async with self._database.unit_of_work(read_only=True) as work:
                    order = await OrderStore(work).get(change.order_id)
                if order is not None:
                    for watcher in watchers:
                        watcher.tell(order)

    def _end(self, error: AppError) -> None:
        for watcher in self._watchers:
            watcher.end(error)


class _Watcher:
    """One caller, and the orders that it has not been told of yet."""

    def __init__(self, principal: Principal, order_id: UUID | None) -> None:
        self.subject = principal.subject
        all_owners = Permission.ORDERS_READ_ALL in principal.permissions
        self._owner = None if all_owners else principal.subject
        self._order_id = order_id
        self._pending: dict[UUID, Order] = {}
        self._error: AppError | None = None
        self._told = asyncio.Event()
        self.told: dict[UUID, int] = {}

    def wants(self, change: OrderChange) -> bool:
        return self._owner in {None, change.owner} and self._order_id in {None, change.order_id}

    def tell(self, order: Order) -> None:
        if self.told.get(order.id, 0) < order.version:
            self._pending[order.id] = order
            self._told.set()

    def end(self, error: AppError) -> None:
        self._error = error
        self._told.set()

    async def next(self) -> Order:
        """The next order to tell of; raises the error that the watch has ended with."""
        while True:
            while not self._pending:
                if self._error is not None:
                    raise self._error
                self._told.clear()
                await self._told.wait()
            order = self._pending.pop(next(iter(self._pending)))
            # One that is watched alone may have been read after the change that is told of here.
            if self.told.get(order.id, 0) < order.version:
                return order
