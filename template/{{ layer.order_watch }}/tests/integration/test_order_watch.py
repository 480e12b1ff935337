"""Watching orders: who is told of what, and when it ends."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from decimal import Decimal
from uuid import UUID, uuid4

import pytest

from app.auth.principal import Principal, Role
from app.bootstrap import Service, build_service
from app.errors import AppError, ErrorCode
from app.features.orders.model import Order, OrderDraft, OrderLine
from app.features.orders.service import OrderService
from app.features.orders.watch import OrderWatch
from app.settings import Settings

pytestmark = pytest.mark.anyio

DRAFT = OrderDraft("reference", "EUR", (OrderLine("TEA-001", 1, Decimal("4.50")),))
MOST = 4
MOST_EACH = 3


@pytest.fixture
async def service(
    environment: dict[str, str], own_url: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Service]:
    for name, value in {**environment, "DATABASE_URL": own_url}.items():
        monkeypatch.setenv(name, value)
    service = build_service(Settings.load())
    async with service.running():
        yield service


@pytest.fixture
async def watch(service: Service) -> AsyncIterator[OrderWatch]:
    watch = OrderWatch(service.database, service.orders, MOST, MOST_EACH)
    async with watch.running():
        yield watch


def someone(role: Role = Role.MEMBER) -> Principal:
    return Principal(uuid4().hex, "user", frozenset({role}))


class Watching:
    """A watch in the background, which has begun."""

    def __init__(self, watch: OrderWatch, principal: Principal, order_id: UUID | None) -> None:
        self.told = list[Order]()
        self._error: AppError | None = None
        self._changes = watch.changes(principal, order_id)
        self._task = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        try:
            async with aclosing(self._changes) as changes:
                async for order in changes:
                    self.told.append(order)
        except AppError as error:
            self._error = error

    async def until(self, number: int) -> list[Order]:
        async with asyncio.timeout(10):
            while len(self.told) < number:
                await asyncio.sleep(0.02)
        return self.told

    async def ends_with(self) -> ErrorCode:
        async with asyncio.timeout(10):
            await self._task
        assert self._error is not None
        return self._error.code

    async def cancel(self) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])


async def watching(
    watch: OrderWatch, principal: Principal, order_id: UUID | None = None
) -> Watching:
    before = len(watch._watchers)
    begun = Watching(watch, principal, order_id)
    async with asyncio.timeout(10):
        while len(watch._watchers) == before and not begun._task.done():
            await asyncio.sleep(0.01)
    return begun


async def create(service: Service, principal: Principal) -> Order:
    return (await service.orders.create(principal, DRAFT, None)).order


async def test_a_caller_is_told_of_each_change_of_its_own_orders(
    service: Service, watch: OrderWatch
) -> None:
    caller, other = someone(), someone()
    begun = await watching(watch, caller)
    await create(service, other)
    order = await create(service, caller)
    assert (await begun.until(1))[0] == order
    placed = await service.orders.place(caller, order.id, None)
    assert (await begun.until(2))[1] == placed.order
    assert [told.owner for told in begun.told] == [caller.subject] * 2


async def test_who_may_read_all_is_told_of_all(service: Service, watch: OrderWatch) -> None:
    begun = await watching(watch, someone(Role.ADMIN))
    orders = [await create(service, someone()) for _ in range(3)]
    told = await begun.until(3)
    assert sorted(order.id for order in told) == sorted(order.id for order in orders)


async def test_what_changed_before_is_not_told(service: Service, watch: OrderWatch) -> None:
    caller = someone()
    await create(service, caller)
    begun = await watching(watch, caller)
    later = await create(service, caller)
    assert await begun.until(1) == [later]


async def test_one_order_is_told_as_it_is_and_then_as_it_changes(
    service: Service, watch: OrderWatch
) -> None:
    caller = someone()
    order, another = await create(service, caller), await create(service, caller)
    begun = await watching(watch, caller, order.id)
    assert await begun.until(1) == [order]
    await service.orders.cancel(caller, another.id)
    placed = (await service.orders.place(caller, order.id, None)).order
    assert await begun.until(2) == [order, placed]


async def test_an_order_of_somebody_else_is_not_found(service: Service, watch: OrderWatch) -> None:
    order = await create(service, someone())
    begun = await watching(watch, someone(), order.id)
    assert await begun.ends_with() is ErrorCode.NOT_FOUND


async def test_a_slow_caller_is_told_of_the_last_state(service: Service, watch: OrderWatch) -> None:
    caller = someone()
    order = await create(service, caller)
    async with aclosing(watch.changes(caller, order.id)) as changes:
        assert await anext(changes) == order
        placed = await service.orders.place(caller, order.id, None)
        # Long enough to be told of the first change too, and not to have asked.
        await asyncio.sleep(1.2)
        cancelled = await service.orders.cancel(caller, placed.order.id)
        await asyncio.sleep(1.2)
        async with asyncio.timeout(10):
            assert await anext(changes) == cancelled


async def test_nothing_older_follows_what_was_told_first(service: Service) -> None:
    caller = someone()
    placed_in_between = asyncio.Event()

    class LateOrders(OrderService):
        """Reads the order once the watch has been told of a version that is then outdated."""

        def __init__(self) -> None:
            """What it has is that of the service."""

        async def get(self, principal: Principal, order_id: UUID) -> Order:
            await placed_in_between.wait()
            return await service.orders.get(principal, order_id)

    watch = OrderWatch(service.database, LateOrders(), MOST, MOST_EACH)
    async with watch.running():
        other = await watching(watch, someone())
        order = await create(service, caller)
        begun = await watching(watch, caller, order.id)
        await asyncio.sleep(1.2)
        placed = (await service.orders.place(caller, order.id, None)).order
        placed_in_between.set()
        await asyncio.sleep(1.2)
        assert begun.told == [placed]
        await begun.cancel()
        await other.cancel()


async def test_more_than_the_limit_are_refused_until_one_leaves(
    service: Service, watch: OrderWatch
) -> None:
    begun = [await watching(watch, someone()) for _ in range(MOST)]
    refused = await watching(watch, someone())
    assert await refused.ends_with() is ErrorCode.OVERLOADED
    await begun[0].cancel()
    caller = someone()
    accepted = await watching(watch, caller)
    order = await create(service, caller)
    assert await accepted.until(1) == [order]


async def test_one_principal_does_not_take_all_watches(watch: OrderWatch) -> None:
    caller = someone()
    begun = [await watching(watch, caller) for _ in range(MOST_EACH)]
    refused = await watching(watch, caller)
    assert await refused.ends_with() is ErrorCode.OVERLOADED
    other = await watching(watch, someone())
    for each in (*begun, other):
        await each.cancel()


async def test_a_stop_ends_every_watch_and_lets_no_other_begin(watch: OrderWatch) -> None:
    begun = await watching(watch, someone())
    watch.stop()
    assert await begun.ends_with() is ErrorCode.OVERLOADED
    assert await (await watching(watch, someone())).ends_with() is ErrorCode.OVERLOADED
