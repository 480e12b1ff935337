"""Records of idempotency keys that have expired are deleted along the way."""

from uuid import uuid4

import pytest

from app.db import Database
from app.db.idempotency import IdempotencyRecords
from app.platform.idempotency import IdempotencyKey
from tests.support.stored import stored_records

pytestmark = pytest.mark.anyio

DAY = 86_400


def new_key() -> IdempotencyKey:
    return IdempotencyKey("somebody", "orders.create", str(uuid4()), b"the request")


async def remember(database: Database, key: IdempotencyKey, ttl: int = DAY) -> None:
    async with database.unit_of_work() as work:
        assert await IdempotencyRecords(work).claim(key) is None
        await IdempotencyRecords(work).complete(key, b"the result", ttl)


async def stored(database: Database, key: IdempotencyKey) -> int:
    async with database.unit_of_work(read_only=True) as work:
        return len(await stored_records(work, key))


async def test_pruning_deletes_what_has_expired_and_nothing_else(database: Database) -> None:
    expired, valid = new_key(), new_key()
    await remember(database, expired, ttl=0)
    await remember(database, valid)
    async with database.unit_of_work() as work:
        await IdempotencyRecords(work).prune()
    assert await stored(database, expired) == 0
    assert await stored(database, valid) == 1


async def test_completions_prune_along_the_way(database: Database) -> None:
    expired = new_key()
    await remember(database, expired, ttl=0)
    while await stored(database, expired):
        await remember(database, new_key())
