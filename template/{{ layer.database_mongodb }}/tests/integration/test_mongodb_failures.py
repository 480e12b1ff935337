"""A server that freezes, goes away, or whose answers are lost."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from urllib.parse import urlsplit

import pytest

from app.db import Database, UnitOfWork
from app.db.settings import DatabaseSettings
from app.errors import AppError, ErrorCode
from app.features.orders.store import OrderStore
from app.platform.ids import new_uuid
from tests.support.link import Link, linked

pytestmark = pytest.mark.anyio

WAITS = {"db_connect_timeout_seconds": 0.5, "db_statement_timeout_seconds": 0.7}
AWAY = (ErrorCode.DEPENDENCY_UNAVAILABLE, ErrorCode.DEADLINE_EXCEEDED)


@pytest.fixture
def link(environment: dict[str, str]) -> Iterator[Link]:
    address = urlsplit(environment["DATABASE_URL"])
    assert address.hostname
    with linked(address.hostname, address.port or 27017) as made:
        made.mend()
        yield made


@pytest.fixture
async def far(environment: dict[str, str], link: Link) -> AsyncIterator[Database]:
    """The database at the end of the link."""
    address = urlsplit(environment["DATABASE_URL"])
    user = address.netloc.rpartition("@")[0]
    url = address._replace(netloc=f"{user}@127.0.0.1:{link.port}").geturl()
    database = Database(DatabaseSettings.model_validate({"database_url": url, **WAITS}))
    await database.ping()
    yield database
    link.mend()
    await database.aclose()


async def read(database: Database) -> None:
    async with database.unit_of_work(read_only=True) as work:
        await OrderStore(work).get(new_uuid())


async def confirm(work: UnitOfWork) -> None:
    await OrderStore(work).record_confirmation(new_uuid(), new_uuid())


async def write(database: Database) -> None:
    async with database.unit_of_work() as work:
        await confirm(work)


USES: tuple[Callable[[Database], Awaitable[None]], ...] = (read, write)


async def refusal(use: Awaitable[None]) -> ErrorCode | None:
    """How the service refuses, in time."""
    async with asyncio.timeout(5):
        try:
            await use
        except AppError as error:
            return error.code
    return None


async def idle(database: Database) -> None:
    """Return once no connection is in use; what is given up is ended in the background."""
    async with asyncio.timeout(3):
        while database.pool_status().used:
            await asyncio.sleep(0.01)


async def test_a_frozen_server_is_noticed_in_time_and_missed_no_longer_than_it_is_away(
    far: Database, link: Link
) -> None:
    link.freeze()
    start = time.monotonic()
    codes = await asyncio.gather(*(refusal(use(far)) for use in USES * 3))
    assert set(codes) <= set(AWAY)
    assert time.monotonic() - start < 3
    link.mend()
    await asyncio.gather(*(use(far) for use in USES))
    await idle(far)


async def test_a_lost_server_is_noticed_at_once_and_found_again(far: Database, link: Link) -> None:
    link.cut()
    for use in USES:
        start = time.monotonic()
        assert await refusal(use(far)) is ErrorCode.DEPENDENCY_UNAVAILABLE
        assert time.monotonic() - start < 2
    link.mend()
    start = time.monotonic()
    while await refusal(read(far)):
        assert time.monotonic() - start < 5
    await write(far)


async def test_connections_that_have_ended_are_replaced_unseen(far: Database, link: Link) -> None:
    for use in USES:
        link.cut()
        link.mend()
        await use(far)


async def test_a_connection_that_is_lost_in_between_ends_the_unit_of_work(
    database: Database, far: Database, link: Link
) -> None:
    order_id = new_uuid()

    async def lose() -> None:
        async with far.unit_of_work() as work:
            await OrderStore(work).record_confirmation(order_id, new_uuid())
            link.cut()
            await confirm(work)

    assert await refusal(lose()) is ErrorCode.DEPENDENCY_UNAVAILABLE
    async with database.unit_of_work(read_only=True) as work:
        assert not await OrderStore(work).is_confirmed(order_id)


async def test_a_commit_whose_answer_is_lost_is_found_to_have_happened(
    database: Database, far: Database, link: Link
) -> None:
    order_id = new_uuid()
    async with far.unit_of_work() as work:
        await OrderStore(work).record_confirmation(order_id, new_uuid())
        link.lose_answers()
        asyncio.get_running_loop().call_later(0.2, link.mend)
    async with database.unit_of_work(read_only=True) as work:
        assert await OrderStore(work).is_confirmed(order_id)


async def test_a_commit_that_stays_unknown_is_an_error(
    database: Database, far: Database, link: Link
) -> None:
    order_id = new_uuid()

    async def commit() -> None:
        async with far.unit_of_work() as work:
            await OrderStore(work).record_confirmation(order_id, new_uuid())
            link.lose_answers()

    assert await refusal(commit()) in AWAY
    async with database.unit_of_work(read_only=True) as work:
        assert await OrderStore(work).is_confirmed(order_id)


async def test_a_cancelled_command_gives_its_connection_up(far: Database, link: Link) -> None:
    for use in USES:
        link.freeze()
        task = asyncio.ensure_future(use(far))
        await asyncio.sleep(0.1)
        task.cancel()
        start = time.monotonic()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert time.monotonic() - start < 1
        link.mend()
        await use(far)
    await idle(far)


async def test_the_server_is_told_how_long_it_may_take(
    database: Database, database_settings: DatabaseSettings
) -> None:
    async with database.unit_of_work(read_only=True) as work:
        slow = {"$set": {"n": {"$sum": {"$range": ["$_id", 50_000]}}}}
        numbers = [{"_id": number} for number in range(200)]
        await work.collection("numbers").insert_many(numbers)
    hurried = database_settings.model_copy(update={"db_statement_timeout_seconds": 0.1})
    impatient = Database(hurried)
    start = time.monotonic()
    with pytest.raises(AppError) as caught:
        async with impatient.unit_of_work(read_only=True) as work:
            await (await work.database["numbers"].aggregate([slow])).to_list()
    assert caught.value.code is ErrorCode.DEADLINE_EXCEEDED
    assert time.monotonic() - start < 1
    await impatient.aclose()


async def test_nothing_listens_at_the_address() -> None:
    url = "mongodb://app:secret@127.0.0.1:9/app"
    database = Database(DatabaseSettings.model_validate({"database_url": url, **WAITS}))
    start = time.monotonic()
    assert await refusal(read(database)) is ErrorCode.DEPENDENCY_UNAVAILABLE
    assert time.monotonic() - start < 2
    await database.aclose()
