"""Redis or Valkey as the broker: one stream of message ids, read by one consumer group."""

from collections.abc import Sequence
from uuid import UUID

from app.queue.settings import QueueSettings


class Broker:
    """Hands the ids of due messages to workers; what it forgets, the outbox sends again."""

    def __init__(self, settings: QueueSettings) -> None:
        self._settings = settings

    async def room(self) -> int:
        """How many more ids the broker should be given now."""
        raise NotImplementedError

    async def publish(self, message_ids: Sequence[UUID]) -> None:
        """Hand out the ids, each to one worker."""
        raise NotImplementedError

    async def receive(self, limit: int) -> list[UUID]:
        """At most `limit` ids, waiting a second for the first; they will not be given again."""
        raise NotImplementedError

    async def ping(self) -> None:
        """Raise unless the broker answers."""
        raise NotImplementedError

    async def aclose(self) -> None:
        """Close every connection."""
