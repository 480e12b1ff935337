"""A request that is sent again has its effect once."""

import asyncio
import os
import signal
from functools import partial
from pathlib import Path
from uuid import uuid4

import pytest

from app.db import Database
from app.db.idempotency import IdempotencyRecords
from app.db.settings import DatabaseSettings
from app.errors import AppError, ErrorCode
from app.features.orders.model import Order, OrderDraft
from app.features.orders.store import OrderStore
from app.platform.idempotency import IdempotencyKey
from tests.support.process import AppProcess
from tests.support.stored import order_owners, stored_records

pytestmark = pytest.mark.anyio

DAY = 86_400


def new_key() -> IdempotencyKey:
    return IdempotencyKey("somebody", "orders.create", str(uuid4()), b"the request")


async def remember(database: Database, key: IdempotencyKey, ttl: int = DAY) -> None:
    async with database.unit_of_work() as work:
        assert await IdempotencyRecords(work).claim(key) is None
        await IdempotencyRecords(work).complete(key, b"the result", ttl)


async def claim(database: Database, key: IdempotencyKey) -> bytes | None:
    async with database.unit_of_work() as work:
        return await IdempotencyRecords(work).claim(key)


async def test_the_result_is_there_for_the_same_request(database: Database) -> None:
    key = new_key()
    await remember(database, key)
    assert await claim(database, key) == b"the result"
    assert await claim(database, key) == b"the result"


async def test_the_key_is_refused_for_another_request(database: Database) -> None:
    key = new_key()
    await remember(database, key)
    other = IdempotencyKey(key.principal, key.operation, key.key, b"another request")
    with pytest.raises(AppError) as caught:
        await claim(database, other)
    assert caught.value.code is ErrorCode.IDEMPOTENCY_KEY_REUSED


async def test_a_key_belongs_to_a_principal_and_an_operation(database: Database) -> None:
    key = new_key()
    await remember(database, key)
    for other in (
        IdempotencyKey("another", key.operation, key.key, b""),
        IdempotencyKey(key.principal, "orders.place", key.key, b""),
    ):
        assert await claim(database, other) is None


async def test_a_key_is_free_again_once_its_record_has_expired(database: Database) -> None:
    key = new_key()
    await remember(database, key, ttl=0)
    await remember(database, key)
    assert await claim(database, key) == b"the result"


async def test_an_exception_after_the_claim_leaves_the_key_free(database: Database) -> None:
    key = new_key()

    async def act() -> None:
        async with database.unit_of_work() as work:
            await IdempotencyRecords(work).claim(key)
            await IdempotencyRecords(work).complete(key, b"", DAY)
            raise LookupError

    with pytest.raises(LookupError):
        await act()
    assert await claim(database, key) is None


async def test_many_at_once_have_one_effect(database: Database) -> None:
    key, owner = new_key(), f"owner-{uuid4()}"

    async def create() -> str:
        async with database.unit_of_work() as work:
            records = IdempotencyRecords(work)
            if await records.claim(key):
                return "replayed"
            await OrderStore(work).add(Order.new(owner, OrderDraft("PO", "EUR", ())))
            await asyncio.sleep(0.01)
            await records.complete(key, b"done", DAY)
            return "created"

    async def attempt() -> str:
        while True:
            try:
                return await create()
            except AppError as error:
                if error.code is not ErrorCode.IDEMPOTENCY_IN_PROGRESS or not error.retry_after:
                    raise
                await asyncio.sleep(0.005)

    outcomes = await asyncio.gather(*(attempt() for _ in range(10)))
    assert sorted(outcomes) == ["created", *["replayed"] * 9]
    assert await orders_of(database, owner) == 1


async def orders_of(database: Database, owner: str) -> int:
    async with database.unit_of_work(read_only=True) as work:
        return (await order_owners(work)).count(owner)


async def stored(database: Database, key: IdempotencyKey) -> int:
    async with database.unit_of_work(read_only=True) as work:
        return len(await stored_records(work, key))


def crash(when: str, owner: str, key: IdempotencyKey) -> None:
    """Make an order, and be killed."""

    async def act() -> None:
        async with Database(DatabaseSettings.load()).unit_of_work() as work:
            await IdempotencyRecords(work).claim(key)
            await OrderStore(work).add(Order.new(owner, OrderDraft("PO", "EUR", ())))
            await IdempotencyRecords(work).complete(key, b"done", 60)
            if when == "before the commit":
                os.kill(os.getpid(), signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)

    asyncio.run(act())


@pytest.mark.parametrize(("when", "kept"), [("before the commit", 0), ("after the commit", 1)])
async def test_a_crash_leaves_both_the_effect_and_the_record_or_neither(
    database: Database, environment: dict[str, str], tmp_path: Path, when: str, kept: int
) -> None:
    key, owner = new_key(), f"owner-{uuid4()}"
    process = AppProcess([], environment, tmp_path / "output", run=partial(crash, when, owner, key))
    assert process.wait() == -signal.SIGKILL
    assert await orders_of(database, owner) == kept
    assert await stored(database, key) == kept
    assert await claim_in_time(database, key) == (b"done" if kept else None)


async def claim_in_time(database: Database, key: IdempotencyKey) -> bytes | None:
    """A server may take some seconds to find out that nobody goes on with a transaction."""
    async with asyncio.timeout(30):
        while True:
            try:
                return await claim(database, key)
            except AppError as error:
                if error.code is not ErrorCode.IDEMPOTENCY_IN_PROGRESS:
                    raise
            await asyncio.sleep(0.05)


async def test_the_key_itself_is_not_stored(database: Database) -> None:
    key = new_key()
    await remember(database, key)
    async with database.unit_of_work(read_only=True) as work:
        (record,) = await stored_records(work, key)
    assert b"the result" in record
    assert key.key not in str(record)
