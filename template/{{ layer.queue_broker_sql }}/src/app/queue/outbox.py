"""The outbox: every message is a row, and the row alone says what is still to be done.

A message is `pending` until its effect is recorded (`done`) or no attempt is left (`dead`). The
broker only tells workers where to look. A worker claims a row for the time of a lease. Attempts are
numbered, and an attempt that another one has overtaken can no longer change the row.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from app.db import Database, UnitOfWork
from app.db.free_rows import UpdateFree
from app.queue import outbox_sql as sql
from app.queue.stored import DeadFilter, Depth, StoredMessage


class Outbox:
    """The messages of the service. `append` and `done` join a transaction, the rest have theirs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def append(self, work: UnitOfWork, message: StoredMessage) -> None:
        """Store a new message; it is due as soon as the unit of work commits."""
        await work.fetch(
            sql.APPEND,
            **asdict(message),
            state="pending",
            available_at=message.created_at,
            locked_until=message.created_at,
        )

    async def due(self, limit: int, resend: float) -> list[UUID]:
        """The ids that are to go to the broker now; the same ones again after `resend` seconds."""
        now = datetime.now(UTC)
        async with self._database.unit_of_work(read_only=True) as work:
            if not await work.fetch(sql.ANY_DUE, now=now):
                return []
        later = now + timedelta(seconds=resend)
        return await self._ids(sql.SEND_DUE, now=now, later=later, limit=limit)

    async def release(self, message_ids: Sequence[UUID]) -> None:
        """Make ids due again that the broker did not take."""
        values = sql.numbered(message_ids)
        await self._ids(sql.release(len(values)), now=datetime.now(UTC), **values)

    async def claim(self, message_ids: Iterable[UUID], lease: float) -> list[StoredMessage]:
        """Begin an attempt at each message that is free; the others are missing in the answer."""
        values = sql.numbered(sorted(set(message_ids)))
        now = datetime.now(UTC)
        end = now + timedelta(seconds=lease)
        async with self._database.unit_of_work() as work:
            rows = await sql.claim(len(values)).run(work, now=now, end=end, **values)
        return [StoredMessage(*row) for row in rows]

    async def renew(self, attempts: Mapping[UUID, int], lease: float) -> None:
        """Prolong the leases of the attempts in progress."""
        end = datetime.now(UTC) + timedelta(seconds=lease)
        numbers = {f"attempt_{n}": attempt for n, attempt in enumerate(attempts.values())}
        await self._ids(sql.renew(len(attempts)), end=end, **sql.numbered(attempts), **numbers)

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
            ((pending, dead, oldest),) = await work.fetch(sql.DEPTH)
        return Depth(pending, dead, oldest)

    async def list_dead(self, chosen: DeadFilter, limit: int) -> list[StoredMessage]:
        """The messages that died last come first."""
        values = _filters(chosen)
        statement = sql.list_dead(len(chosen.ids), frozenset(values))
        async with self._database.unit_of_work(read_only=True) as work:
            rows = await work.fetch(statement, **values, **sql.numbered(chosen.ids), limit=limit)
        return [StoredMessage(*row) for row in rows]

    async def replay(self, chosen: DeadFilter, limit: int) -> list[UUID]:
        """Make at most `limit` dead messages pending again, with all their attempts; returns which.

        Those that died first come first, unless they are chosen by their ids.
        """
        values = _filters(chosen)
        return await self._ids(
            sql.replay(len(chosen.ids), frozenset(values)),
            **values,
            **sql.numbered(chosen.ids),
            new_state="pending",
            attempts=0,
            now=datetime.now(UTC),
            finished_at=None,
            limit=limit,
        )

    async def prune(self, before: datetime, limit: int) -> int:
        """Delete at most `limit` messages that were done before a time; returns how many."""
        async with self._database.unit_of_work() as work:
            return await sql.PRUNE.run(work, before=before, limit=limit)

    async def _free(
        self, message_id: UUID, attempt: int, attempts: int, start: datetime, error: str | None
    ) -> bool:
        async with self._database.unit_of_work() as work:
            freed = await work.change(
                sql.FREE,
                message_id=message_id,
                attempt=attempt,
                new_attempts=attempts,
                start=start,
                error=error,
            )
        return bool(freed)

    async def _ids(self, update: UpdateFree, **values: Any) -> list[UUID]:
        async with self._database.unit_of_work() as work:
            return [row[0] for row in await update.run(work, **values)]


async def _finish(
    work: UnitOfWork, message_id: UUID, attempt: int, state: str, error: str | None
) -> bool:
    finished = await work.change(
        sql.FINISH,
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
