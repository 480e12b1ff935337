"""Every query finds its documents by an index, however many there are."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import product
from typing import get_args
from uuid import UUID, uuid4

import pytest

from app.db import Database, UnitOfWork
from app.db.audit import AuditFilters, AuditLog
from app.db.idempotency import IdempotencyRecords
from app.features.orders.model import Order, OrderChanges, OrderDraft, OrderLine, OrderStatus
from app.features.orders.store import OrderSort, OrderStore
from app.platform.audit_event import AuditEvent
from app.platform.idempotency import IdempotencyKey
from app.platform.ids import new_uuid
from app.platform.pagination import Position
from tests.support.plans import bad_steps
from tests.support.statements import Sent, sent_statements

pytestmark = pytest.mark.anyio

NOW = datetime.now(UTC)
OLD = NOW - timedelta(days=400)


@pytest.fixture
async def work(own_database: Database) -> AsyncIterator[UnitOfWork]:
    async with own_database.unit_of_work() as work:
        yield work


async def use_orders(work: UnitOfWork) -> None:
    orders = OrderStore(work)
    order = Order.new("owner-1", OrderDraft("PO", "EUR", (OrderLine("SKU", 1, Decimal(1)),)))
    await orders.add(order)
    await orders.get(order.id)
    await orders.update(order.changed(OrderChanges("other")), 1)
    await orders.is_confirmed(order.id)
    place = Position(NOW - timedelta(hours=2), uuid4())
    shapes = product(
        (None, "owner-1"), (None, OrderStatus.PLACED), get_args(OrderSort), (None, place)
    )
    for owner, status, sort, after in shapes:
        await orders.page(owner=owner, status=status, sort=sort, after=after, limit=20)


async def use_audit(work: UnitOfWork) -> None:
    log = AuditLog(work)
    event = AuditEvent(new_uuid(), OLD, "a", "user", "b", "c", "success", "r", "192.0.2.1", None)
    await log.append(event)
    await log.prune(NOW - timedelta(days=365), 1000)
    chosen: tuple[dict[str, str], ...] = (
        {},
        {"actor": "actor-1"},
        {"action": "action-1"},
        {"object": "orders/1"},
    )
    for filters, after in product(chosen, (None, UUID(int=2**128 - 1))):
        await log.page(after, 20, AuditFilters(**filters))


async def use_idempotency(work: UnitOfWork) -> None:
    records = IdempotencyRecords(work)
    key = IdempotencyKey("somebody", "orders.create", "key", b"")
    await records.claim(key)
    await records.complete(key, b"", 0)
    await records.claim(key)


async def test_no_query_reads_a_whole_collection(work: UnitOfWork, own_database: Database) -> None:
    with sent_statements() as sent:
        await use_orders(work)
        await use_audit(work)
        await use_idempotency(work)
    async with own_database.unit_of_work(read_only=True) as reading:
        bad = [(one, await bad_steps(reading, one)) for one in sent]
    assert len(bad) > 30
    assert [one for one in bad if one[1]] == []


@pytest.mark.parametrize(
    ("wanted", "sort"),
    [
        ({}, {"total": 1}),
        ({"currency": "EUR"}, {}),
        ({"owner": "one"}, {"updated_at": 1}),
        ({"updated_at": {"$gt": NOW}}, {}),
    ],
)
async def test_one_without_an_index_is_noticed(
    own_database: Database, wanted: dict[str, object], sort: dict[str, int]
) -> None:
    command = {"find": "orders", "filter": wanted, **({"sort": sort} if sort else {})}
    async with own_database.unit_of_work(read_only=True) as reading:
        assert await bad_steps(reading, Sent("find", command))
