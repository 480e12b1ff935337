"""The worker: takes messages from the broker, handles them, and keeps the outbox moving."""

import asyncio
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import structlog

from app.platform import metrics
from app.queue.delivery import Deliverer
from app.queue.loops import repeat
from app.queue.queue import Queue
from app.queue.relay import Relay
from app.queue.stored import StoredMessage

_PRUNE_SECONDS = 60.0
_PRUNE_BATCH = 1000
log = structlog.get_logger()


class Worker:
    """Handles at most `QUEUE_CONCURRENCY` messages at once, and takes no more than it can start."""

    def __init__(self, queue: Queue) -> None:
        self._settings = queue.settings
        self._outbox = queue.outbox
        self._broker = queue.broker
        self._relay = Relay(queue.outbox, queue.broker, queue.settings)
        self._deliverer = Deliverer(queue.settings, queue.database, queue.outbox, queue.handlers)
        self._in_progress: dict[asyncio.Task[None], StoredMessage] = {}
        self._slot_free = asyncio.Event()
        self._starting = asyncio.Lock()

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set; then finish what has begun, within the grace period."""
        lease = self._settings.queue_lease_seconds
        renewing = asyncio.create_task(repeat("queue_leases", self._renew, lease / 3))
        loops = [
            asyncio.create_task(
                repeat("queue_relay", self._relay.step, self._settings.queue_poll_seconds)
            ),
            asyncio.create_task(repeat("queue_consumer", self._take, 0)),
            asyncio.create_task(repeat("queue_prune", self._prune, _PRUNE_SECONDS)),
        ]
        log.info("worker started", concurrency=self._settings.queue_concurrency)
        try:
            await stop.wait()
        finally:
            await _cancel(loops)
            await self._drain()
            await _cancel([renewing])
        log.info("worker stopped")

    async def _take(self) -> bool:
        """Claim and start as many messages as there are free slots."""
        free = self._settings.queue_concurrency - len(self._in_progress)
        if free <= 0:
            self._slot_free.clear()
            await self._slot_free.wait()
            return True
        message_ids = await self._broker.receive(free)
        if message_ids:
            # Not to be cancelled half-way: what is claimed has to begin.
            await asyncio.shield(self._start(message_ids))
        return True

    async def _start(self, message_ids: Sequence[UUID]) -> None:
        async with self._starting:
            claimed = await self._outbox.claim(message_ids, self._settings.queue_lease_seconds)
            for stored in claimed:
                task = asyncio.create_task(self._deliverer.deliver(stored))
                self._in_progress[task] = stored
                task.add_done_callback(self._ended)
        repeats = len(message_ids) - len(claimed)
        metrics.queue_deliveries.labels("", "duplicate").inc(repeats)

    def _ended(self, task: asyncio.Task[None]) -> None:
        stored = self._in_progress.pop(task)
        self._slot_free.set()
        if not task.cancelled() and (error := task.exception()):
            # The lease runs out and the message comes again.
            log.error("message outcome not stored", message_id=str(stored.id), exc_info=error)

    async def _renew(self) -> bool:
        attempts = {stored.id: stored.attempts for stored in self._in_progress.values()}
        if attempts:
            await self._outbox.renew(attempts, self._settings.queue_lease_seconds)
        return False

    async def _prune(self) -> bool:
        retention = timedelta(seconds=self._settings.queue_done_retention_seconds)
        pruned = await self._outbox.prune(datetime.now(UTC) - retention, _PRUNE_BATCH)
        return pruned == _PRUNE_BATCH

    async def _drain(self) -> None:
        async with self._starting:
            if not self._in_progress:
                return
        log.info("draining messages", messages=len(self._in_progress))
        _, late = await asyncio.wait(
            self._in_progress, timeout=self._settings.queue_grace_period_seconds
        )
        await _cancel(late)


async def _cancel(tasks: Collection[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)
