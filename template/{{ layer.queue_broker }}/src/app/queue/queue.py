"""What the rest of the service sees of the queue."""

import asyncio
import json
from collections.abc import Mapping
from datetime import UTC, datetime

from opentelemetry.trace import SpanKind

from app.db import Database, UnitOfWork
from app.errors import AppError, ErrorCode
from app.platform import metrics, telemetry
from app.platform.context import context
from app.platform.ids import new_uuid
from app.platform.messages import Handler, Payload
from app.queue.broker import Broker
from app.queue.loops import repeat
from app.queue.outbox import Outbox
from app.queue.settings import QueueSettings
from app.queue.stored import StoredMessage

_MEASURE_SECONDS = 10.0


class Queue:
    """Publishes messages; a worker hands each to the handler of its topic."""

    def __init__(
        self, settings: QueueSettings, database: Database, handlers: Mapping[str, Handler]
    ) -> None:
        self.settings = settings
        self.database = database
        self.handlers = handlers
        self.outbox = Outbox(database)
        self.broker = Broker(settings)
        self._measuring: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Keep the depth and age metrics current until `aclose`."""
        self._measuring = asyncio.create_task(
            repeat("queue_metrics", self._measure, _MEASURE_SECONDS)
        )

    async def publish(self, work: UnitOfWork, topic: str, version: int, payload: Payload) -> None:
        """Queue a message; it leaves if, and only if, the unit of work commits.

        Raises AppError(PAYLOAD_TOO_LARGE) above `QUEUE_MAX_PAYLOAD_BYTES`.
        """
        text = json.dumps(payload, allow_nan=False, separators=(",", ":"))
        if len(text) > self.settings.queue_max_payload_bytes:
            raise AppError(ErrorCode.PAYLOAD_TOO_LARGE, "The message is larger than the limit")
        attributes = {"messaging.destination.name": topic, "messaging.operation.type": "send"}
        with telemetry.span(f"send {topic}", kind=SpanKind.PRODUCER, attributes=attributes):
            await self.outbox.append(
                work,
                StoredMessage(
                    id=new_uuid(),
                    topic=topic,
                    version=version,
                    payload=text,
                    request_id=context().request_id,
                    traceparent=telemetry.current_traceparent(),
                    created_at=datetime.now(UTC),
                    attempts=0,
                    last_error=None,
                    finished_at=None,
                ),
            )

    async def depth(self) -> Mapping[str, int | float]:
        """The numbers of pending and dead messages, and the age of the oldest pending one."""
        depth = await self.outbox.depth()
        age = (datetime.now(UTC) - depth.oldest).total_seconds() if depth.oldest else 0.0
        return {
            "pending": depth.pending,
            "dead": depth.dead,
            "oldest_message_age_seconds": max(0.0, age),
        }

    async def ping(self) -> None:
        """Raise unless the broker answers."""
        await self.broker.ping()

    async def aclose(self) -> None:
        """End the background work and close the connection to the broker."""
        if self._measuring is not None:
            self._measuring.cancel()
            await asyncio.wait([self._measuring])
        await self.broker.aclose()

    async def _measure(self) -> bool:
        depth = await self.depth()
        metrics.queue_depth.labels("pending").set(depth["pending"])
        metrics.queue_depth.labels("dead").set(depth["dead"])
        metrics.queue_oldest_message_age.set(depth["oldest_message_age_seconds"])
        return False
