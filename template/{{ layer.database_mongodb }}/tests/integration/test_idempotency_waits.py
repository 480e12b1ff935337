"""An idempotency key changes nothing of who waits for whom."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest

from app.auth.principal import Principal, Role
from app.bootstrap import Service, build_service
from app.db import Database, UnitOfWork
from app.db.idempotency import IdempotencyRecords
from app.errors import AppError, ErrorCode
from app.features.orders.model import Order, OrderDraft
from app.features.orders.store import OrderStore
from app.platform.idempotency import IdempotencyKey
from app.settings import Settings

pytestmark = pytest.mark.anyio

OWNER = Principal(subject=f"owner-{uuid4()}", kind="user", roles=frozenset({Role.MEMBER}))
DRAFT = OrderDraft("PO", "EUR", ())


@pytest.fixture
async def service(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Service]:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    service = build_service(Settings.load())
    async with service.running():
        yield service


@pytest.fixture
async def order_id(database: Database) -> UUID:
    order = Order.new(OWNER.subject, DRAFT)
    async with database.unit_of_work() as work:
        await OrderStore(work).add(order)
    return order.id


def new_key() -> IdempotencyKey:
    return IdempotencyKey(OWNER.subject, "count", str(uuid4()), b"the request")


async def count(work: UnitOfWork, order_id: UUID) -> None:
    await work.collection("orders").update_one({"_id": order_id}, {"$inc": {"version": 1}})


async def count_once(database: Database, order_id: UUID, key: IdempotencyKey) -> bytes | None:
    async with database.unit_of_work() as work:
        records = IdempotencyRecords(work)
        stored = await records.claim(key)
        if stored is None:
            await count(work, order_id)
            await records.complete(key, b"counted", 60)
        return stored


async def version(database: Database, order_id: UUID) -> int:
    async with database.unit_of_work(read_only=True) as work:
        order = await OrderStore(work).get(order_id)
    assert order is not None
    return order.version


async def test_of_many_with_keys_that_count_none_is_lost(
    database: Database, order_id: UUID
) -> None:
    before, keys = await version(database, order_id), [new_key() for _ in range(10)]
    first = await asyncio.gather(*(count_once(database, order_id, key) for key in keys))
    again = await asyncio.gather(*(count_once(database, order_id, key) for key in keys))
    assert (first, again) == ([None] * 10, [b"counted"] * 10)
    assert await version(database, order_id) == before + 10


async def test_a_key_that_others_complete_during_a_wait_has_one_effect(
    database: Database, order_id: UUID
) -> None:
    before, key = await version(database, order_id), new_key()

    async def overtake() -> bool:
        """Whether the key was free, which it is at times while its request waits."""
        try:
            async with database.unit_of_work() as work:
                await IdempotencyRecords(work).claim(key)
                await IdempotencyRecords(work).complete(key, b"the other", 60)
        except AppError as error:
            if error.code is not ErrorCode.IDEMPOTENCY_IN_PROGRESS:
                raise
            return False
        return True

    async with database.unit_of_work() as holding:
        await count(holding, order_id)
        waiting = asyncio.create_task(count_once(database, order_id, key))
        await asyncio.sleep(0.1)
        while not await overtake():
            pass
        with pytest.raises(AppError) as caught:
            await waiting
    assert caught.value.code is ErrorCode.IDEMPOTENCY_IN_PROGRESS
    assert caught.value.retry_after
    assert await version(database, order_id) == before + 1
    assert await count_once(database, order_id, key) == b"the other"


async def test_of_placements_with_keys_of_their_own_one_succeeds_and_the_rest_are_told_why(
    service: Service, order_id: UUID
) -> None:
    async def place() -> ErrorCode | None:
        try:
            await service.orders.place(OWNER, order_id, new_key())
        except AppError as error:
            return error.code
        return None

    told = Counter(await asyncio.gather(*(place() for _ in range(6))))
    assert told == {None: 1, ErrorCode.INVALID_STATE: 5}
