"""The outbox: every message is a row, and the row alone says what is still to be done.

A message is `pending` until its effect is recorded (`done`) or no attempt is left (`dead`). The
broker only tells workers where to look. A worker claims a row for the time of a lease. Attempts are
numbered, and an attempt that another one has overtaken can no longer change the row.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    Column,
    ColumnElement,
    Index,
    Integer,
    Table,
    Text,
    TextClause,
    Update,
    Uuid,
    and_,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
    text,
    update,
)

from app.db import Database, UnitOfWork
from app.db.schema import UtcDateTime, metadata
from app.db.statement import Statement
from app.queue.stored import DeadFilter, Depth, StoredMessage

# Literals: an index on a part of a table serves a query only where the engine sees the value.
_PENDING, _DONE, _DEAD = text("state = 'pending'"), text("state = 'done'"), text("state = 'dead'")
_FINISHED = text("state <> 'pending'")

outbox = Table(
    "outbox",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("topic", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("payload", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    Column("traceparent", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    # When the message is to be handed to the broker, for the first time or again.
    Column("available_at", UtcDateTime, nullable=False),
    # Until when no worker may claim it: a lease, or the pause after a failure.
    Column("locked_until", UtcDateTime, nullable=False),
    Column("last_error", Text),
    Column("finished_at", UtcDateTime),
    CheckConstraint("state IN ('pending', 'done', 'dead')", name="state"),
    Index("ix_outbox_pending", "available_at", postgresql_where=_PENDING, sqlite_where=_PENDING),
    Index(
        "ix_outbox_finished",
        "state",
        "finished_at",
        postgresql_where=_FINISHED,
        sqlite_where=_FINISHED,
    ),
)
_stored = [outbox.c[field.name] for field in fields(StoredMessage)]
_limit = bindparam("limit", type_=Integer)
_is_attempt = and_(
    outbox.c.id == bindparam("message_id"), outbox.c.attempts == bindparam("attempt")
)


def _update_free(*conditions: ColumnElement[bool], limited: bool = False) -> Update:
    """An update of the pending rows that match and that no other transaction is changing.

    Nobody waits for a row, so that two workers cannot deadlock on the same ones. SQLite has one
    writer and ignores the lock.
    """
    free = (
        select(outbox.c.id)
        .where(_PENDING, *conditions)
        .order_by(outbox.c.available_at)
        .limit(_limit if limited else None)
        .with_for_update(skip_locked=True)
        .cte()
    )
    return update(outbox).where(outbox.c.id.in_(select(free.c.id)))


_is_due = outbox.c.available_at <= bindparam("now")
_APPEND = Statement(insert(outbox))
_ANY_DUE = Statement(select(outbox.c.id).where(_PENDING, _is_due).limit(1))
_SEND_DUE = Statement(
    _update_free(_is_due, limited=True)
    .values(available_at=bindparam("later"))
    .returning(outbox.c.id)
)
_FINISH = Statement(
    update(outbox)
    .where(_PENDING, _is_attempt)
    .values(
        state=bindparam("new_state"), finished_at=bindparam("now"), last_error=bindparam("error")
    )
    .returning(outbox.c.id)
)
_FREE = Statement(
    update(outbox)
    .where(_PENDING, _is_attempt)
    .values(
        attempts=bindparam("new_attempts"),
        available_at=bindparam("start"),
        locked_until=bindparam("start"),
        last_error=bindparam("error"),
    )
    .returning(outbox.c.id)
)
_DEPTH = Statement(
    select(
        select(func.count()).select_from(outbox).where(_PENDING).scalar_subquery(),
        select(func.count()).select_from(outbox).where(_DEAD).scalar_subquery(),
        select(func.min(outbox.c.created_at)).where(_PENDING).scalar_subquery(),
    )
)
_old = (
    select(outbox.c.id)
    .where(_DONE, outbox.c.finished_at < bindparam("before"))
    .order_by(outbox.c.finished_at)
    .limit(_limit)
)
_PRUNE = Statement(delete(outbox).where(outbox.c.id.in_(_old)).returning(outbox.c.id))


def _among(count: int) -> ColumnElement[bool]:
    return outbox.c.id.in_([bindparam(f"id_{n}", type_=Uuid) for n in range(count)])


def _numbered(ids: Iterable[UUID]) -> dict[str, UUID]:
    return {f"id_{n}": message_id for n, message_id in enumerate(ids)}


@cache
def _release(count: int) -> Statement:
    return Statement(_update_free(_among(count)).values(available_at=bindparam("now")))


@cache
def _claim(count: int) -> Statement:
    return Statement(
        _update_free(_among(count), outbox.c.locked_until <= bindparam("now"))
        .values(
            attempts=outbox.c.attempts + 1,
            available_at=bindparam("end"),
            locked_until=bindparam("end"),
        )
        .returning(*_stored)
    )


@cache
def _renew(count: int) -> Statement:
    held = [
        and_(outbox.c.id == bindparam(f"id_{n}"), outbox.c.attempts == bindparam(f"attempt_{n}"))
        for n in range(count)
    ]
    return Statement(
        _update_free(or_(*held)).values(
            available_at=bindparam("end"), locked_until=bindparam("end")
        )
    )


def _chosen(count: int, filters: frozenset[str]) -> list[ColumnElement[bool] | TextClause]:
    conditions = {
        "topic": outbox.c.topic == bindparam("topic"),
        "since": outbox.c.finished_at >= bindparam("since"),
        "until": outbox.c.finished_at < bindparam("until"),
    }
    chosen = [condition for name, condition in conditions.items() if name in filters]
    return [_DEAD, *chosen, *([_among(count)] if count else [])]


@cache
def _list_dead(count: int, filters: frozenset[str]) -> Statement:
    return Statement(
        select(*_stored)
        .where(*_chosen(count, filters))
        .order_by(outbox.c.finished_at.desc())
        .limit(_limit)
    )


@cache
def _replay(count: int, filters: frozenset[str]) -> Statement:
    return Statement(
        update(outbox)
        .where(*_chosen(count, filters))
        .values(
            state=bindparam("new_state"),
            attempts=bindparam("attempts"),
            available_at=bindparam("now"),
            locked_until=bindparam("now"),
            finished_at=bindparam("finished_at"),
        )
        .returning(outbox.c.id)
    )


class Outbox:
    """The messages of the service. `append` and `done` join a transaction, the rest have theirs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def append(self, work: UnitOfWork, message: StoredMessage) -> None:
        """Store a new message; it is due as soon as the unit of work commits."""
        await work.fetch(
            _APPEND,
            **asdict(message),
            state="pending",
            available_at=message.created_at,
            locked_until=message.created_at,
        )

    async def due(self, limit: int, resend: float) -> list[UUID]:
        """The ids that are to go to the broker now; the same ones again after `resend` seconds."""
        now = datetime.now(UTC)
        async with self._database.unit_of_work(read_only=True) as work:
            if not await work.fetch(_ANY_DUE, now=now):
                return []
        later = now + timedelta(seconds=resend)
        return await self._ids(_SEND_DUE, now=now, later=later, limit=limit)

    async def release(self, message_ids: Sequence[UUID]) -> None:
        """Make ids due again that the broker did not take."""
        values = _numbered(message_ids)
        await self._ids(_release(len(values)), now=datetime.now(UTC), **values)

    async def claim(self, message_ids: Iterable[UUID], lease: float) -> list[StoredMessage]:
        """Begin an attempt at each message that is free; the others are missing in the answer."""
        values = _numbered(sorted(set(message_ids)))
        now = datetime.now(UTC)
        end = now + timedelta(seconds=lease)
        async with self._database.unit_of_work() as work:
            rows = await work.fetch(_claim(len(values)), now=now, end=end, **values)
        return [StoredMessage(*row) for row in rows]

    async def renew(self, attempts: Mapping[UUID, int], lease: float) -> None:
        """Prolong the leases of the attempts in progress."""
        end = datetime.now(UTC) + timedelta(seconds=lease)
        numbers = {f"attempt_{n}": attempt for n, attempt in enumerate(attempts.values())}
        await self._ids(_renew(len(attempts)), end=end, **_numbered(attempts), **numbers)

    async def done(self, work: UnitOfWork, message_id: UUID, attempt: int) -> bool:
        """Record the effect; False where the attempt no longer holds the message."""
        return await _finish(work, message_id, attempt, "done", None)

    async def dead(self, message_id: UUID, attempt: int, error: str) -> bool:
        """Give the message up; an operator may replay it."""
        async with self._database.unit_of_work() as work:
            return await _finish(work, message_id, attempt, "dead", error)

    async def retry(self, message_id: UUID, attempt: int, delay: float, error: str) -> bool:
        """Let the next attempt begin in `delay` seconds."""
        start = datetime.now(UTC) + timedelta(seconds=delay)
        return await self._free(message_id, attempt, attempt, start, error)

    async def hand_back(self, message_id: UUID, attempt: int) -> bool:
        """Undo the claim of an attempt that was broken off through no fault of the message."""
        return await self._free(message_id, attempt, attempt - 1, datetime.now(UTC), None)

    async def depth(self) -> Depth:
        async with self._database.unit_of_work(read_only=True) as work:
            ((pending, dead, oldest),) = await work.fetch(_DEPTH)
        return Depth(pending, dead, oldest)

    async def list_dead(self, chosen: DeadFilter, limit: int) -> list[StoredMessage]:
        """The messages that died last come first."""
        values = _filters(chosen)
        statement = _list_dead(len(chosen.ids), frozenset(values))
        async with self._database.unit_of_work(read_only=True) as work:
            rows = await work.fetch(statement, **values, **_numbered(chosen.ids), limit=limit)
        return [StoredMessage(*row) for row in rows]

    async def replay(self, chosen: DeadFilter) -> list[UUID]:
        """Make dead messages pending again, with all their attempts; returns which."""
        values = _filters(chosen)
        return await self._ids(
            _replay(len(chosen.ids), frozenset(values)),
            **values,
            **_numbered(chosen.ids),
            new_state="pending",
            attempts=0,
            now=datetime.now(UTC),
            finished_at=None,
        )

    async def prune(self, before: datetime, limit: int) -> int:
        """Delete at most `limit` messages that were done before a time; returns how many."""
        return len(await self._ids(_PRUNE, before=before, limit=limit))

    async def _free(
        self, message_id: UUID, attempt: int, attempts: int, start: datetime, error: str | None
    ) -> bool:
        freed = await self._ids(
            _FREE,
            message_id=message_id,
            attempt=attempt,
            new_attempts=attempts,
            start=start,
            error=error,
        )
        return bool(freed)

    async def _ids(self, statement: Statement, **values: Any) -> list[UUID]:
        async with self._database.unit_of_work() as work:
            return [row[0] for row in await work.fetch(statement, **values)]


async def _finish(
    work: UnitOfWork, message_id: UUID, attempt: int, state: str, error: str | None
) -> bool:
    finished = await work.fetch(
        _FINISH,
        message_id=message_id,
        attempt=attempt,
        new_state=state,
        now=datetime.now(UTC),
        error=error,
    )
    return bool(finished)


def _filters(chosen: DeadFilter) -> dict[str, Any]:
    values = {"topic": chosen.topic, "since": chosen.since, "until": chosen.until}
    return {name: value for name, value in values.items() if value is not None}
