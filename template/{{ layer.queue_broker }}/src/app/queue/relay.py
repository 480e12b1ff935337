"""Moves due messages from the outbox to the broker. Any number of workers may run it at once."""

import asyncio

from app.queue.broker import Broker
from app.queue.outbox import Outbox
from app.queue.settings import QueueSettings

_BATCH = 100


class Relay:
    """Hands out ids no faster than workers take them, so that the broker stays short of memory."""

    def __init__(self, outbox: Outbox, broker: Broker, settings: QueueSettings) -> None:
        self._outbox = outbox
        self._broker = broker
        self._resend = settings.queue_resend_seconds

    async def step(self) -> bool:
        """Hand out one batch; whether there may be more. Raises while the broker is away."""
        room = await self._broker.room()
        if room == 0:
            return False
        limit = min(room, _BATCH)
        due = await self._outbox.due(limit, self._resend)
        if not due:
            return False
        try:
            await self._broker.publish(due)
        except BaseException:
            # A crash here costs nothing but time: the ids are due again after the resend time.
            await asyncio.shield(self._outbox.release(due))
            raise
        return len(due) == limit
