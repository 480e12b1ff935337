"""Looking for changes reads what has changed alone, however much there is."""

from datetime import timedelta

import pytest

from app.db import Database
from app.features.orders.changes import changed_orders
from app.features.orders.model import Order, OrderDraft
from app.features.orders.store import OrderStore
from app.platform.audit import audit
from app.platform.clock import now
from tests.support.plans import bad_steps
from tests.support.statements import sent_statements

pytestmark = pytest.mark.anyio


async def test_looking_for_changes_reads_an_index(own_database: Database) -> None:
    order = Order.new("somebody", OrderDraft("PO", "EUR", ()))
    async with own_database.unit_of_work() as work:
        await OrderStore(work).add(order)
        await audit(work, "orders.create", f"orders/{order.id}")
        await audit(work, "auth.login", "user/somebody")
    async with own_database.unit_of_work(read_only=True) as work:
        with sent_statements() as sent:
            changes = await changed_orders(work, now() - timedelta(minutes=2), 10)
        assert [tuple(change) for change in changes] == [(order.id, "somebody", 1)]
        assert [await bad_steps(work, one) for one in sent] == [[], []]
