"""One attempt to handle a message, and what becomes of the message after it."""

import asyncio
import json
import logging
import random
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Literal

import structlog
from opentelemetry.trace import SpanKind
from pydantic import ValidationError

from app.db import Database, UnitOfWork
from app.platform import metrics, telemetry
from app.platform.context import RequestContext, set_context
from app.platform.messages import Handler, Message, RejectedError
from app.queue.outbox import Outbox
from app.queue.settings import QueueSettings
from app.queue.stored import StoredMessage

Outcome = Literal["done", "retried", "dead", "duplicate"]
_LONGEST_REASON = 1000
_random = random.SystemRandom()
log = structlog.get_logger()


class OvertakenError(Exception):
    """Another attempt has the message now, or has recorded its effect."""


class Attempt:
    """The `Delivery` that a handler receives."""

    def __init__(self, message: Message, attempt: int, outbox: Outbox, database: Database) -> None:
        self.message = message
        self.attempt = attempt
        self.recorded = False
        self._outbox = outbox
        self._database = database

    @asynccontextmanager
    async def effect(self) -> AsyncGenerator[UnitOfWork]:
        async with self._database.unit_of_work() as work:
            # First, because it locks the row: of two attempts at once, one waits here and loses.
            if not await self._outbox.done(work, self.message.id, self.attempt):
                raise OvertakenError
            yield work
        self.recorded = True


class Deliverer:
    """Runs handlers and records how their attempts ended."""

    def __init__(
        self,
        settings: QueueSettings,
        database: Database,
        outbox: Outbox,
        handlers: Mapping[str, Handler],
    ) -> None:
        self._settings = settings
        self._database = database
        self._outbox = outbox
        self._handlers = handlers

    async def deliver(self, stored: StoredMessage) -> None:
        """Make one attempt at a claimed message; raises only when its outcome cannot be stored.

        Runs in a task of its own, whose context it sets.
        """
        timeout = self._settings.queue_handler_timeout_seconds
        set_context(
            RequestContext(
                request_id=stored.request_id,
                route=stored.topic,
                deadline=asyncio.get_running_loop().time() + timeout,
            )
        )
        known = stored.topic in self._handlers
        topic = stored.topic if known else "unknown"
        attributes = {
            "messaging.destination.name": stored.topic,
            "messaging.message.id": str(stored.id),
            "messaging.operation.type": "process",
        }
        started = time.perf_counter()
        with telemetry.span(
            f"process {topic}",
            kind=SpanKind.CONSUMER,
            attributes=attributes,
            traceparent=stored.traceparent,
        ):
            outcome, reason = await self._outcome(stored)
            duration = time.perf_counter() - started
            log.log(
                logging.WARNING if reason else logging.INFO,
                "message handled",
                topic=stored.topic,
                message_id=str(stored.id),
                attempt=stored.attempts,
                outcome=outcome,
                reason=reason or None,
                duration_ms=round(duration * 1000, 1),
            )
        metrics.queue_delivery_duration.labels(topic).observe(duration)
        metrics.queue_deliveries.labels(topic, outcome).inc()
        if outcome in ("done", "dead"):
            metrics.queue_delivery_attempts.observe(stored.attempts)

    async def _outcome(self, stored: StoredMessage) -> tuple[Outcome, str]:
        try:
            await self._attempt(stored)
        except OvertakenError:
            return "duplicate", ""
        except asyncio.CancelledError:
            # The worker is stopping: the attempt does not count.
            await asyncio.shield(self._outbox.hand_back(stored.id, stored.attempts))
            raise
        except Exception as error:  # noqa: BLE001 - whatever a handler raises fails its attempt
            return await self._failed(stored, error)
        return "done", ""

    async def _attempt(self, stored: StoredMessage) -> None:
        if stored.attempts > self._settings.queue_max_attempts:
            raise RejectedError("no attempt came to an end: each time the worker died")
        handler = self._handlers.get(stored.topic)
        if handler is None:
            raise RejectedError(f"no handler for the topic {stored.topic}")
        attempt = Attempt(_message(stored), stored.attempts, self._outbox, self._database)
        async with asyncio.timeout(self._settings.queue_handler_timeout_seconds):
            await handler(attempt)
            if not attempt.recorded:
                async with attempt.effect():
                    pass

    async def _failed(self, stored: StoredMessage, error: Exception) -> tuple[Outcome, str]:
        reason = _reason(error)
        outcome: Outcome
        if (
            isinstance(error, RejectedError | ValidationError)
            or stored.attempts >= self._settings.queue_max_attempts
        ):
            outcome = "dead"
            held = await self._outbox.dead(stored.id, stored.attempts, reason)
        else:
            outcome = "retried"
            longest = min(
                self._settings.queue_retry_max_seconds,
                self._settings.queue_retry_base_seconds * 2 ** (stored.attempts - 1),
            )
            pause = _random.uniform(0, longest)
            held = await self._outbox.retry(stored.id, stored.attempts, pause, reason)
        return outcome if held else "duplicate", reason


def _message(stored: StoredMessage) -> Message:
    try:
        payload = json.loads(stored.payload)
    except ValueError as error:
        raise RejectedError("the payload is not JSON") from error
    if not isinstance(payload, dict):
        raise RejectedError("the payload is not a JSON object")
    return Message(
        id=stored.id,
        topic=stored.topic,
        version=stored.version,
        payload=payload,
        request_id=stored.request_id,
        traceparent=stored.traceparent,
        created_at=stored.created_at,
    )


def _reason(error: BaseException) -> str:
    """The error and its causes in one line, without the values that a validation refused."""
    parts = []
    cause: BaseException | None = error
    while cause is not None:
        text = str(cause)
        if isinstance(cause, ValidationError):
            faults = cause.errors(include_input=False, include_url=False)
            text = "; ".join(f"{'.'.join(map(str, f['loc']))}: {f['msg']}" for f in faults)
        parts.append(f"{type(cause).__name__}: {text}".rstrip(": "))
        cause = cause.__cause__
    line = " < ".join(parts).replace("\0", " ")[:_LONGEST_REASON]
    return line.encode("utf-8", "backslashreplace").decode()
