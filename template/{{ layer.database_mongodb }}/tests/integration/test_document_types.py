"""Documents give back what was put in."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from uuid import UUID, uuid4

import pytest
from bson.binary import UUID_SUBTYPE, Binary, UuidRepresentation
from bson.codec_options import CodecOptions
from bson.decimal128 import Decimal128

from app.db import Database
from app.db.audit import AuditFilters, AuditLog
from app.features.orders.model import Order, OrderDraft, OrderLine
from app.features.orders.store import OrderStore
from app.platform.audit import audit
from app.platform.clock import now
from app.platform.ids import new_uuid

pytestmark = pytest.mark.anyio

SAMPLES = f"samples_{uuid4().hex[:8]}"
EAST = timezone(timedelta(hours=5, minutes=45))


@pytest.fixture
async def database(database: Database) -> AsyncIterator[Database]:
    yield database
    async with database.single_writes() as work:
        await work.database.drop_collection(SAMPLES)


@pytest.mark.parametrize(
    "value",
    [
        new_uuid(),
        now(),
        datetime(2026, 2, 28, 23, 59, 59, 999_000, UTC),
        datetime(1000, 1, 1, tzinfo=UTC),
        Decimal("0.10"),
        Decimal("-0.0001"),
        Decimal("999999999999999.9999"),
        b"\x00\xff",
        False,
        ["ß 🧾 'quoted' \\ \n", {"$set": None}],
    ],
)
async def test_a_value_comes_back_as_it_was(database: Database, value: object) -> None:
    async with database.single_writes() as work:
        samples = work.collection(SAMPLES)
        await samples.insert_one({"_id": 1, "value": value})
        found = await samples.find_one({"_id": 1})
    assert found is not None
    assert found["value"] == value
    assert str(found["value"]) == str(value)
    assert type(found["value"]) is type(value)
    assert getattr(found["value"], "tzinfo", UTC) is UTC


async def test_other_programs_find_the_standard_types(database: Database) -> None:
    moment = datetime(2026, 1, 1, 3, 0, 0, 0, EAST)
    values = {"id": new_uuid(), "amount": Decimal("1.50"), "moment": moment}
    plain: CodecOptions[dict[str, object]] = CodecOptions(
        uuid_representation=UuidRepresentation.UNSPECIFIED
    )
    async with database.single_writes() as work:
        await work.collection(SAMPLES).insert_one({"_id": 1, **values})
        found = await work.database[SAMPLES].with_options(plain).find_one()
    assert found is not None
    assert isinstance(found["id"], Binary)
    assert found["id"].subtype == UUID_SUBTYPE
    assert found["amount"] == Decimal128("1.50")
    assert found["moment"] == moment.astimezone(UTC).replace(tzinfo=None)


async def test_ids_sort_by_the_time_of_their_making(database: Database) -> None:
    ids = [UUID(int=new_uuid().int + (step << 80)) for step in range(5)]
    async with database.single_writes() as work:
        samples = work.collection(SAMPLES)
        await samples.insert_many([{"_id": each} for each in reversed(ids)])
        assert [it["_id"] for it in await samples.find({}, sort=[("_id", 1)])] == ids


async def test_fields_that_a_later_release_adds_do_not_disturb_this_one(database: Database) -> None:
    line = OrderLine("TEA-001", 1, Decimal("4.50"))
    order = Order.new("somebody", OrderDraft("PO-7", "EUR", (line,)))
    async with database.unit_of_work() as work:
        await OrderStore(work).add(order)
        await audit(work, "orders.create", f"orders/{order.id}")
        later = {"$set": {"later": 1, "lines.0.later": 1}}
        await work.collection("orders").update_one({"_id": order.id}, later)
        await work.collection("audit_events").update_one(
            {"object": f"orders/{order.id}"}, {"$set": {"later": 1}}
        )
    async with database.unit_of_work(read_only=True) as work:
        assert await OrderStore(work).get(order.id) == order
        filters = AuditFilters(object=f"orders/{order.id}")
        [event] = await AuditLog(work).page(None, 10, filters)
    assert event.action == "orders.create"
