"""What the service tells its own background work, and how a handler receives it."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from app.db import UnitOfWork

Payload = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Message:
    """One message: `topic` names its handler, `version` the schema of its JSON `payload`."""

    id: UUID
    topic: str
    version: int
    payload: Payload
    request_id: str
    traceparent: str
    created_at: datetime


class Delivery(Protocol):
    """One attempt to handle a message; attempts may repeat and overlap."""

    message: Message
    attempt: int

    def effect(self) -> AbstractAsyncContextManager[UnitOfWork]:
        """The transaction in which the message is recorded as done.

        What a handler writes in it happens exactly once, however often the message is delivered.
        Work that no transaction covers, such as an outbound call, goes before it.
        """
        ...


class RejectedError(Exception):
    """What a handler raises when no further attempt can succeed; the message is then dead."""


# Handlers raise to be called again later. A payload that does not fit its pydantic model is
# rejected, so that handlers need not catch `ValidationError`.
Handler = Callable[[Delivery], Awaitable[None]]
