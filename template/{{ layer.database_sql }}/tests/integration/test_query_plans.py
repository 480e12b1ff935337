"""Every query finds its rows by an index, however many there are."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import product
from typing import get_args
from uuid import UUID, uuid4

import pytest

from app.db import Database, UnitOfWork, audit, idempotency
from app.db.audit import AuditFilters, AuditLog
from app.db.idempotency import IdempotencyRecords
from app.features.orders import store
from app.features.orders.model import Order, OrderChanges, OrderDraft, OrderLine, OrderStatus
from app.features.orders.store import OrderSort, OrderStore
from app.platform.idempotency import IdempotencyKey
from app.platform.ids import new_uuid
from app.platform.pagination import Position
from tests.support.database import analyze, bad_steps
from tests.support.statements import sent_statements

pytestmark = pytest.mark.anyio

MANY = 20_000
NOW = datetime.now(UTC)


@pytest.fixture
async def work(own_database: Database) -> AsyncIterator[UnitOfWork]:
    """A transaction on many rows."""
    async with own_database.unit_of_work() as work:
        await fill(work)
        await analyze(work)
    async with own_database.unit_of_work() as work:
        yield work


async def fill(work: UnitOfWork) -> None:
    ids = [new_uuid() for _ in range(MANY)]
    times = [NOW - timedelta(minutes=n) for n in range(MANY)]
    line = {"position": 0, "sku": "SKU", "quantity": 1, "unit_price": Decimal(1)}
    await work.run_many(
        store._ADD,
        [
            {
                "id": ids[n],
                "owner": f"owner-{n % 100}",
                "customer_reference": "PO",
                "status": list(OrderStatus)[n % 4],
                "currency": "EUR",
                "total": Decimal(1),
                "version": 1,
                "created_at": times[n],
                "updated_at": times[n],
            }
            for n in range(MANY)
        ],
    )
    await work.run_many(store._ADD_LINE, [{"order_id": id_, **line} for id_ in ids])
    await work.run_many(store._CONFIRM, [{"order_id": id_, "message_id": id_} for id_ in ids])
    await work.run_many(
        audit._ADD,
        [
            {
                "id": ids[n],
                "occurred_at": times[n],
                "actor": f"actor-{n % 100}",
                "actor_kind": "user",
                "action": f"action-{n % 100}",
                "object": f"orders/{n}",
                "outcome": "success",
                "request_id": "request",
                "client_address": "192.0.2.1",
                "scopes": None,
            }
            for n in range(MANY)
        ],
    )
    await work.run_many(
        idempotency._ADD,
        [
            {
                "key_digest": id_.bytes * 2,
                "fingerprint": b"",
                "result": b"",
                "expires_at": NOW + timedelta(minutes=n - 50),
            }
            for n, id_ in enumerate(ids)
        ],
    )


async def use_orders(work: UnitOfWork) -> None:
    orders = OrderStore(work)
    line = OrderLine("SKU", 1, Decimal(1))
    order = Order.new("owner-1", OrderDraft("PO", "EUR", (line,)))
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
    await records.prune()


async def test_no_query_reads_a_whole_table(work: UnitOfWork) -> None:
    with sent_statements() as sent:
        await use_orders(work)
        await use_audit(work)
        await use_idempotency(work)
    bad = {one.sql: await bad_steps(work, one.sql, one.arguments) for one in sent}
    assert len(bad) > 30
    assert {sql: steps for sql, steps in bad.items() if steps} == {}
