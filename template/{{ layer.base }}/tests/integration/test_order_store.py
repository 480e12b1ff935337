"""Orders in the database."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import get_args
from uuid import uuid4

import pytest

from app.db import Database
from app.errors import AppError, ErrorCode
from app.features.orders.model import Order, OrderChanges, OrderDraft, OrderLine, OrderStatus
from app.features.orders.store import OrderSort, OrderStore
from app.platform.ids import new_uuid
from app.platform.pagination import Position
from tests.support.statements import sent_statements

pytestmark = pytest.mark.anyio


def new_order(owner: str = "somebody", lines: int = 2) -> Order:
    made = (OrderLine(f"SKU-{n}", n + 1, Decimal("0.10")) for n in range(lines))
    return Order.new(owner, OrderDraft("PO-7", "EUR", tuple(made)))


async def add(database: Database, *orders: Order) -> None:
    async with database.unit_of_work() as work:
        for order in orders:
            await OrderStore(work).add(order)


async def get(database: Database, order: Order) -> Order | None:
    async with database.unit_of_work(read_only=True) as work:
        return await OrderStore(work).get(order.id)


async def test_an_order_comes_back_as_it_was(database: Database) -> None:
    order = new_order(lines=12)
    await add(database, order)
    assert await get(database, order) == order
    assert await get(database, new_order()) is None


async def test_an_order_is_added_once(database: Database) -> None:
    order = new_order()
    await add(database, order)
    with pytest.raises(AppError) as caught:
        await add(database, order)
    assert caught.value.code is ErrorCode.CONFLICT


async def test_a_change_replaces_the_lines_and_a_step_keeps_them(database: Database) -> None:
    order = new_order()
    changed = order.changed(OrderChanges("PO-8", (OrderLine("OTHER", 3, Decimal("1.99")),)))
    placed = changed.placed()
    await add(database, order)
    for following in (changed, placed, placed.cancelled()):
        async with database.unit_of_work() as work:
            assert await OrderStore(work).update(following, following.version - 1)
        assert await get(database, order) == following


async def test_an_order_that_has_moved_on_is_not_changed(database: Database) -> None:
    order = new_order()
    await add(database, order)
    async with database.unit_of_work() as work:
        assert not await OrderStore(work).update(order.placed(), expected_version=2)
    assert await get(database, order) == order


@pytest.mark.parametrize("sort", get_args(OrderSort))
@pytest.mark.parametrize("status", [None, OrderStatus.PLACED])
@pytest.mark.parametrize("owned", [True, False])
async def test_pages_have_each_order_once_while_others_are_added(
    database: Database, sort: OrderSort, status: OrderStatus | None, owned: bool
) -> None:
    owner = f"owner-{uuid4()}"
    # Orders of the same moment, which only their ids can tell apart, far from all other tests'.
    year = 1000 if sort == "created_at" else 3000
    moment = datetime(year, 1, 1, tzinfo=UTC) + timedelta(seconds=uuid4().int % 10**9)
    made = [_made_at(new_order(owner), moment + timedelta(seconds=n // 4)) for n in range(12)]
    placed = [_made_at(order, order.created_at, OrderStatus.PLACED) for order in made[::2]]
    await add(database, *made[1::2], *placed)
    expected = placed if status else [*made[1::2], *placed]
    expected.sort(key=lambda order: (order.created_at, order.id), reverse=sort == "-created_at")

    found = list[Order]()
    after: Position | None = None
    while len(found) < len(expected):
        async with database.unit_of_work(read_only=True) as work:
            page = await OrderStore(work).page(
                owner=owner if owned else None, status=status, sort=sort, after=after, limit=3
            )
        found += page
        after = Position(page[-1].created_at, page[-1].id)
        await add(database, _made_at(new_order("another"), found[0].created_at))
    mine = [order for order in found if order.owner == owner]
    assert mine == expected[: len(mine)]
    assert not owned or mine == expected


def _made_at(order: Order, moment: datetime, status: OrderStatus = OrderStatus.DRAFT) -> Order:
    return Order(
        id=new_uuid(),
        owner=order.owner,
        customer_reference=order.customer_reference,
        status=status,
        currency=order.currency,
        lines=order.lines,
        total=order.total,
        version=order.version,
        created_at=moment,
        updated_at=moment,
    )


async def test_a_page_costs_one_query_however_many_lines_there_are(database: Database) -> None:
    owner = f"owner-{uuid4()}"
    await add(database, *(new_order(owner, lines) for lines in (1, 30, 100)))
    async with database.unit_of_work(read_only=True) as work:
        with sent_statements() as sent:
            page = await OrderStore(work).page(
                owner=owner, status=None, sort="created_at", after=None, limit=100
            )
    assert sorted(len(order.lines) for order in page) == [1, 30, 100]
    assert len(sent) == 1


async def test_an_order_is_confirmed_once(database: Database) -> None:
    order = new_order()
    await add(database, order)
    async with database.unit_of_work() as work:
        assert not await OrderStore(work).is_confirmed(order.id)
        await OrderStore(work).record_confirmation(order.id, uuid4())
        assert await OrderStore(work).is_confirmed(order.id)
    with pytest.raises(AppError) as caught:
        async with database.unit_of_work() as work:
            await OrderStore(work).record_confirmation(order.id, uuid4())
    assert caught.value.code is ErrorCode.CONFLICT
