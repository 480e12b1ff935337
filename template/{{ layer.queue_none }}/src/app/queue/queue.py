"""Messages without a broker: the handler runs in the request, once its cause is committed.

Nothing repeats a handler that fails, or whose process ends before it: what must not be lost needs a
queue.
"""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial

import structlog

from app.db import Database, UnitOfWork
from app.errors import AppError, ErrorCode
from app.platform import metrics, telemetry
from app.platform.context import context
from app.platform.ids import new_uuid
from app.platform.messages import Handler, Message, Payload
from app.queue.settings import QueueSettings

# Of the request's own time, so that what is committed is also answered.
_TO_ANSWER_SECONDS = 0.2
log = structlog.get_logger()


class _Delivery:
    attempt = 1

    def __init__(self, message: Message, database: Database) -> None:
        self.message = message
        self._database = database

    @asynccontextmanager
    async def effect(self) -> AsyncGenerator[UnitOfWork]:
        async with self._database.unit_of_work() as work:
            yield work


class Queue:
    """Hands each message to the handler of its topic."""

    def __init__(
        self, settings: QueueSettings, database: Database, handlers: Mapping[str, Handler]
    ) -> None:
        self._settings = settings
        self._database = database
        self._handlers = handlers

    async def start(self) -> None:
        """Nothing runs in the background."""

    async def publish(self, work: UnitOfWork, topic: str, version: int, payload: Payload) -> None:
        """Handle a message if, and as soon as, the unit of work has committed.

        Raises AppError(PAYLOAD_TOO_LARGE) above `QUEUE_MAX_PAYLOAD_BYTES`.
        """
        text = json.dumps(payload, allow_nan=False, separators=(",", ":"))
        if len(text) > self._settings.queue_max_payload_bytes:
            raise AppError(ErrorCode.PAYLOAD_TOO_LARGE, "The message is larger than the limit")
        message = Message(
            id=new_uuid(),
            topic=topic,
            version=version,
            payload=json.loads(text),
            request_id=context().request_id,
            traceparent=telemetry.current_traceparent(),
            created_at=datetime.now(UTC),
        )
        work.after_commit(partial(self._deliver, message, self._handlers[topic]))

    async def _deliver(self, message: Message, handler: Handler) -> None:
        timeout = self._settings.queue_handler_timeout_seconds
        remaining = context().remaining()
        if remaining is not None:
            timeout = min(timeout, remaining - _TO_ANSWER_SECONDS)
        outcome = "dead"
        started = time.perf_counter()
        try:
            with telemetry.span(f"process {message.topic}"):
                async with asyncio.timeout(timeout):
                    await handler(_Delivery(message, self._database))
            outcome = "done"
        except BaseException as error:
            log.exception("message lost", topic=message.topic, message_id=str(message.id))
            if not isinstance(error, Exception):
                raise
        finally:
            duration = time.perf_counter() - started
            metrics.queue_deliveries.labels(message.topic, outcome).inc()
            metrics.queue_delivery_duration.labels(message.topic).observe(duration)

    async def depth(self) -> Mapping[str, int | float]:
        """Empty: nothing waits."""
        return {}

    async def ping(self) -> None:
        """There is no broker that could be away."""

    async def aclose(self) -> None:
        """There is nothing to close."""
