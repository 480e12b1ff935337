"""What the outbox tells of its messages, whatever database it is in."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """One row; `payload` is JSON as it was published, `finished_at` when it was done or died."""

    id: UUID
    topic: str
    version: int
    payload: str
    request_id: str
    traceparent: str
    created_at: datetime
    attempts: int
    last_error: str | None
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class Depth:
    """How many messages are pending and dead, and when the oldest pending one was published."""

    pending: int
    dead: int
    oldest: datetime | None


@dataclass(frozen=True, slots=True)
class DeadFilter:
    """Which dead messages are meant; what is None or empty does not narrow."""

    ids: tuple[UUID, ...] = ()
    topic: str | None = None
    since: datetime | None = None
    until: datetime | None = None
