"""What the rest of the service sees of the queue."""

from collections.abc import Mapping

from app.db import Database, UnitOfWork
from app.platform.messages import Handler, Payload
from app.queue.settings import QueueSettings


class Queue:
    """Publishes messages; the worker hands them to the handler of their topic."""

    def __init__(
        self, settings: QueueSettings, database: Database, handlers: Mapping[str, Handler]
    ) -> None:
        self.settings = settings
        self.database = database
        self.handlers = handlers

    async def start(self) -> None:
        """Keep the depth and age metrics current until `aclose`."""

    async def publish(self, work: UnitOfWork, topic: str, version: int, payload: Payload) -> None:
        """Queue a message; it leaves if, and only if, the unit of work commits."""
        raise NotImplementedError

    async def ping(self) -> None:
        """Raise unless the broker answers."""

    async def aclose(self) -> None:
        """End the background work and close the connection to the broker."""
