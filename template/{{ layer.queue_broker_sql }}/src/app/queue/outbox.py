"""The outbox: every message is a row, and the row alone says what is still to be done.

A message is `pending` until its effect is recorded (`done`) or no attempt is left (`dead`). The
broker only tells workers where to look. A worker claims a row for the time of a lease. Attempts are
numbered, and an attempt that another one has overtaken can no longer change the row.
"""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime, timedelta
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
_FIELDS = tuple(field.name for field in fields(StoredMessage))
_stored = [outbox.c[name] for name in _FIELDS]


def _is_attempt(message_id: UUID, attempt: int) -> ColumnElement[bool]:
    return and_(outbox.c.id == message_id, outbox.c.attempts == attempt)


def _update_free(*conditions: ColumnElement[bool] | TextClause, most: Any = None) -> Update:
    """An update of the rows that match and that no other transaction is changing.

    Nobody waits for a row, so that two workers cannot deadlock on the same ones. SQLite has one
    writer and ignores the lock.
    """
    free = (
        select(outbox.c.id)
        .where(_PENDING, *conditions)
        .order_by(outbox.c.available_at)
        .limit(most)
        .with_for_update(skip_locked=True)
        .cte()
    )
    return update(outbox).where(outbox.c.id.in_(select(free.c.id)))


_is_due = outbox.c.available_at <= bindparam("now")
_APPEND = Statement(insert(outbox))
_ANY_DUE = Statement(select(outbox.c.id).where(_PENDING, _is_due).limit(1))
_DUE = Statement(
    _update_free(_is_due, most=bindparam("most", type_=Integer))
    .values(available_at=bindparam("later"))
    .returning(outbox.c.id)
)
_FINISH = Statement(
    update(outbox)
    .where(
        _PENDING, outbox.c.id == bindparam("message_id"), outbox.c.attempts == bindparam("attempt")
    )
    .values(
        state=bindparam("new_state"), finished_at=bindparam("now"), last_error=bindparam("error")
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
            **{name: getattr(message, name) for name in _FIELDS},
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
        async with self._database.unit_of_work() as work:
            return [row[0] for row in await work.fetch(_DUE, now=now, later=later, most=limit)]

    async def release(self, message_ids: Sequence[UUID]) -> None:
        """Make ids due again that the broker did not take."""
        statement = _update_free(outbox.c.id.in_(message_ids))
        async with self._database.unit_of_work() as work:
            await work.connection.execute(statement.values(available_at=datetime.now(UTC)))

    async def claim(self, message_ids: Sequence[UUID], lease: float) -> list[StoredMessage]:
        """Begin an attempt at each message that is free; the others are missing in the answer."""
        now = datetime.now(UTC)
        end = now + timedelta(seconds=lease)
        statement = (
            _update_free(outbox.c.id.in_(message_ids), outbox.c.locked_until <= now)
            .values(attempts=outbox.c.attempts + 1, available_at=end, locked_until=end)
            .returning(*_stored)
        )
        async with self._database.unit_of_work() as work:
            rows = (await work.connection.execute(statement)).all()
        return [StoredMessage(*row) for row in rows]

    async def renew(self, attempts: Mapping[UUID, int], lease: float) -> None:
        """Prolong the leases of the attempts in progress."""
        end = datetime.now(UTC) + timedelta(seconds=lease)
        held = [_is_attempt(message_id, attempt) for message_id, attempt in attempts.items()]
        statement = _update_free(or_(*held))
        async with self._database.unit_of_work() as work:
            await work.connection.execute(statement.values(available_at=end, locked_until=end))

    async def done(self, work: UnitOfWork, message_id: UUID, attempt: int) -> bool:
        """Record the effect; False where the attempt no longer holds the message."""
        return await _finish(work, message_id, attempt, "done", None)

    async def dead(self, message_id: UUID, attempt: int, error: str) -> bool:
        """Give the message up; an operator may replay it."""
        async with self._database.unit_of_work() as work:
            return await _finish(work, message_id, attempt, "dead", error)

    async def retry(self, message_id: UUID, attempt: int, delay: float, error: str) -> bool:
        """Let the next attempt begin in `delay` seconds."""
        return await self._free(message_id, attempt, delay, {"last_error": error})

    async def hand_back(self, message_id: UUID, attempt: int) -> bool:
        """Undo the claim of an attempt that was broken off through no fault of the message."""
        return await self._free(message_id, attempt, 0, {"attempts": attempt - 1})

    async def _free(
        self, message_id: UUID, attempt: int, delay: float, values: dict[str, Any]
    ) -> bool:
        start = datetime.now(UTC) + timedelta(seconds=delay)
        statement = (
            update(outbox)
            .where(_PENDING, _is_attempt(message_id, attempt))
            .values(available_at=start, locked_until=start, **values)
        )
        async with self._database.unit_of_work() as work:
            return (await work.connection.execute(statement)).rowcount == 1

    async def depth(self) -> Depth:
        pending, dead = (
            select(func.count()).select_from(outbox).where(state).scalar_subquery()
            for state in (_PENDING, _DEAD)
        )
        oldest = select(func.min(outbox.c.created_at)).where(_PENDING).scalar_subquery()
        async with self._database.unit_of_work(read_only=True) as work:
            row = (await work.connection.execute(select(pending, dead, oldest))).one()
        return Depth(*row)

    async def list_dead(self, chosen: DeadFilter, limit: int) -> list[StoredMessage]:
        """The messages that died last come first."""
        query = (
            select(*_stored)
            .where(*_matches(chosen))
            .order_by(outbox.c.finished_at.desc())
            .limit(limit)
        )
        async with self._database.unit_of_work(read_only=True) as work:
            rows = (await work.connection.execute(query)).all()
        return [StoredMessage(*row) for row in rows]

    async def replay(self, chosen: DeadFilter) -> list[UUID]:
        """Make dead messages pending again, with all their attempts; returns which."""
        now = datetime.now(UTC)
        statement = (
            update(outbox)
            .where(*_matches(chosen))
            .values(
                state="pending", attempts=0, available_at=now, locked_until=now, finished_at=None
            )
            .returning(outbox.c.id)
        )
        async with self._database.unit_of_work() as work:
            return list((await work.connection.execute(statement)).scalars())

    async def prune(self, before: datetime, limit: int) -> int:
        """Delete at most `limit` messages that were done before a time; returns how many."""
        old = (
            select(outbox.c.id)
            .where(_DONE, outbox.c.finished_at < before)
            .order_by(outbox.c.finished_at)
            .limit(limit)
        )
        async with self._database.unit_of_work() as work:
            deleted = await work.connection.execute(delete(outbox).where(outbox.c.id.in_(old)))
        return deleted.rowcount


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


def _matches(chosen: DeadFilter) -> list[ColumnElement[bool] | TextClause]:
    conditions: list[ColumnElement[bool] | TextClause] = [_DEAD]
    if chosen.ids:
        conditions.append(outbox.c.id.in_(chosen.ids))
    if chosen.topic is not None:
        conditions.append(outbox.c.topic == chosen.topic)
    if chosen.since is not None:
        conditions.append(outbox.c.finished_at >= chosen.since)
    if chosen.until is not None:
        conditions.append(outbox.c.finished_at < chosen.until)
    return conditions
