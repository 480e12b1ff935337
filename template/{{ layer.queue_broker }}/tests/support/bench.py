"""A queue and its workers in the event loop of the test, on the real database and broker."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

from app.db import Database
from app.platform.messages import Delivery, Handler
from app.queue import Queue
from app.queue.settings import QueueSettings
from app.queue.worker import Worker
from tests.support.outbox import alter, record, recorded, stored

# Short enough for a test to see every wait end.
FAST = {
    "queue_poll_seconds": 0.02,
    "queue_resend_seconds": 0.5,
    "queue_lease_seconds": 0.5,
    "queue_retry_base_seconds": 0.02,
    "queue_grace_period_seconds": 5,
}


class Bench:
    """Queues of one test: they have the outbox in common, and a stream of the test's own."""

    def __init__(self, database: Database, broker_url: str) -> None:
        self.database = database
        self.broker_url = broker_url
        self._name = uuid4().hex

    def queue(self, handlers: Mapping[str, Handler], **changes: Any) -> Queue:
        settings = {"broker_url": self.broker_url, "queue_name": self._name, **FAST, **changes}
        return Queue(QueueSettings.model_validate(settings), self.database, handlers)

    async def publish(self, queue: Queue, topic: str, **payload: object) -> None:
        async with self.database.unit_of_work() as work:
            await queue.publish(work, topic, 1, payload)

    async def rows(self) -> list[Any]:
        """The messages in the order of their publication."""
        async with self.database.unit_of_work(read_only=True) as work:
            return await stored(work)

    async def states(self) -> set[str]:
        return {row.state for row in await self.rows()}

    async def effects(self) -> list[str]:
        """What handlers have written by `record`, sorted."""
        async with self.database.unit_of_work(read_only=True) as work:
            return sorted(await recorded(work))

    async def alter(self, **values: object) -> None:
        """Give all messages other values, behind the back of the outbox."""
        async with self.database.unit_of_work() as work:
            await alter(work, **values)


async def recording(delivery: Delivery) -> None:
    """The handler that does no more than have its effect: the `what` of its payload."""
    async with delivery.effect() as work:
        await record(work, str(delivery.message.payload["what"]))


@asynccontextmanager
async def working(*queues: Queue) -> AsyncIterator[None]:
    """Run a worker for each queue; at the end they stop and the queues are closed."""
    stop = asyncio.Event()
    try:
        async with asyncio.TaskGroup() as workers:
            for queue in queues:
                workers.create_task(Worker(queue).run(stop))
            try:
                yield
            finally:
                stop.set()
    finally:
        for queue in queues:
            await queue.aclose()


async def eventually(condition: Callable[[], Awaitable[bool]], seconds: float = 30) -> None:
    """Wait until the condition holds."""
    limit = asyncio.get_running_loop().time() + seconds
    while not await condition():
        assert asyncio.get_running_loop().time() < limit, "it has not happened in time"
        await asyncio.sleep(0.01)


def done(bench: Bench, state: str = "done") -> Callable[[], Awaitable[bool]]:
    """The condition that every message is in the state."""

    async def all_in_state() -> bool:
        return await bench.states() == {state}

    return all_in_state
