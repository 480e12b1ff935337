"""The outbox: every message is a document, which alone says what is still to be done.

A message is `pending` until its effect is recorded (`done`) or no attempt is left (`dead`). The
broker only tells workers where to look. A worker claims a message for the time of a lease. Attempts
are numbered, and an attempt that another one has overtaken can no longer change the message.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pymongo
from pymongo import ASCENDING, DESCENDING
from pymongo.errors import PyMongoError

from app.db import Database, UnitOfWork
from app.db.client import Document
from app.db.failures import is_crowded, is_timeout
from app.queue.stored import DeadFilter, Depth, StoredMessage

COLLECTION = "outbox"
# Nobody waits longer for a message whose effect another transaction is recording.
BUSY_SECONDS = 0.5
_STORED = [field.name for field in fields(StoredMessage) if field.name != "id"]


class Outbox:
    """The messages of the service. `append` and `done` join a transaction.

    The rest are single writes: what is atomic for one document needs no more.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def append(self, work: UnitOfWork, message: StoredMessage) -> None:
        """Store a new message; it is due as soon as the unit of work commits."""
        values = asdict(message)
        await work.collection(COLLECTION).insert_one(
            {
                "_id": values.pop("id"),
                **values,
                "state": "pending",
                # When it is to be handed to the broker, for the first time or again.
                "available_at": message.created_at,
                # Until when no worker may claim it: a lease, or the pause after a failure.
                "locked_until": message.created_at,
            }
        )

    async def due(self, limit: int, resend: float) -> list[UUID]:
        """The ids that are to go to the broker now; the same ones again after `resend` seconds."""
        now = datetime.now(UTC)
        is_due = {"state": "pending", "available_at": {"$lte": now}}
        async with self._database.single_writes() as work:
            found = await work.collection(COLLECTION).find(
                is_due, sort=[("available_at", ASCENDING)], limit=limit, fields=["_id"]
            )
        later = {"$set": {"available_at": now + timedelta(seconds=resend)}}
        changed = await self._change_free({it["_id"]: is_due for it in found}, later)
        return [document["_id"] for document in changed]

    async def release(self, message_ids: Sequence[UUID]) -> None:
        """Make ids due again that the broker did not take."""
        pending = {"state": "pending"}
        due = {"$set": {"available_at": datetime.now(UTC)}}
        await self._change_free(dict.fromkeys(message_ids, pending), due)

    async def claim(self, message_ids: Iterable[UUID], lease: float) -> list[StoredMessage]:
        """Begin an attempt at each message that is free; the others are missing in the answer."""
        now = datetime.now(UTC)
        free = {"state": "pending", "locked_until": {"$lte": now}}
        claimed = await self._change_free(
            dict.fromkeys(message_ids, free),
            {"$inc": {"attempts": 1}, "$set": _held_until(now + timedelta(seconds=lease))},
        )
        return [_message(document) for document in claimed]

    async def renew(self, attempts: Mapping[UUID, int], lease: float) -> None:
        """Prolong the leases of the attempts in progress."""
        held = {
            message_id: {"state": "pending", "attempts": attempt}
            for message_id, attempt in attempts.items()
        }
        end = datetime.now(UTC) + timedelta(seconds=lease)
        await self._change_free(held, {"$set": _held_until(end)})

    async def done(self, work: UnitOfWork, message_id: UUID, attempt: int) -> bool:
        """Record the effect; False where the attempt no longer holds the message."""
        return await _finish(work, message_id, attempt, "done", None)

    async def dead(self, message_id: UUID, attempt: int, error: str) -> bool:
        """Give the message up; an operator may replay it."""
        async with self._database.single_writes() as work:
            return await _finish(work, message_id, attempt, "dead", error)

    async def retry(self, message_id: UUID, attempt: int, delay: float, error: str) -> bool:
        """Let the next attempt begin in `delay` seconds."""
        start = datetime.now(UTC) + timedelta(seconds=delay)
        return await self._free(message_id, attempt, attempt, start, error)

    async def hand_back(self, message_id: UUID, attempt: int) -> bool:
        """Undo the claim of an attempt that was broken off through no fault of the message."""
        return await self._free(message_id, attempt, attempt - 1, datetime.now(UTC), None)

    async def depth(self) -> Depth:
        async with self._database.single_writes() as work:
            outbox = work.collection(COLLECTION)
            pending = await outbox.count({"state": "pending"})
            dead = await outbox.count({"state": "dead"})
            oldest = await outbox.find(
                {"state": "pending"},
                sort=[("created_at", ASCENDING)],
                limit=1,
                fields=["created_at"],
            )
        return Depth(pending, dead, oldest[0]["created_at"] if oldest else None)

    async def list_dead(self, chosen: DeadFilter, limit: int) -> list[StoredMessage]:
        """The messages that died last come first."""
        async with self._database.single_writes() as work:
            found = await work.collection(COLLECTION).find(
                _dead(chosen), sort=[("finished_at", DESCENDING)], limit=limit
            )
        return [_message(document) for document in found]

    async def replay(self, chosen: DeadFilter, limit: int) -> list[UUID]:
        """Make at most `limit` dead messages pending again, with all their attempts; returns which.

        Those that died first come first, unless they are chosen by their ids.
        """
        pending = {
            "state": "pending",
            "attempts": 0,
            "finished_at": None,
            **_held_until(datetime.now(UTC)),
        }
        async with self._database.unit_of_work() as work:
            outbox = work.collection(COLLECTION)
            dead = await outbox.find(
                _dead(chosen), sort=[("finished_at", ASCENDING)], limit=limit, fields=["_id"]
            )
            found = [it["_id"] for it in dead]
            await outbox.update_many({"_id": {"$in": found}, "state": "dead"}, {"$set": pending})
        return found

    async def prune(self, before: datetime, limit: int) -> int:
        """Delete at most `limit` messages that were done before a time; returns how many."""
        async with self._database.single_writes() as work:
            outbox = work.collection(COLLECTION)
            old = await outbox.find(
                {"state": "done", "finished_at": {"$lt": before}},
                sort=[("finished_at", ASCENDING)],
                limit=limit,
                fields=["_id"],
            )
            return await outbox.delete_many({"_id": {"$in": [it["_id"] for it in old]}})

    async def _free(
        self, message_id: UUID, attempt: int, attempts: int, start: datetime, error: str | None
    ) -> bool:
        change = {"attempts": attempts, "last_error": error, **_held_until(start)}
        async with self._database.single_writes() as work:
            return await work.collection(COLLECTION).update_one(
                _attempt(message_id, attempt), {"$set": change}
            )

    async def _change_free(
        self, wanted: Mapping[UUID, Document], change: Document
    ) -> list[Document]:
        """Change each message that still is as wanted; those that somebody else holds are left out.

        Each by itself, as one that waits for another transaction would hold up all others. None is
        worth losing the rest either, when connections are short.
        """
        async with self._database.single_writes() as work:
            outbox = work.collection(COLLECTION)

            async def change_one(message_id: UUID) -> Document | None:
                try:
                    with pymongo.timeout(BUSY_SECONDS):
                        return await outbox.find_one_and_update(
                            {"_id": message_id, **wanted[message_id]}, change
                        )
                except PyMongoError as error:
                    if not (is_timeout(error) or is_crowded(error)):
                        raise
                    return None

            changed = await asyncio.gather(*map(change_one, wanted))
        return [document for document in changed if document is not None]


async def _finish(
    work: UnitOfWork, message_id: UUID, attempt: int, state: str, error: str | None
) -> bool:
    end = {"state": state, "finished_at": datetime.now(UTC), "last_error": error}
    return await work.collection(COLLECTION).update_one(
        _attempt(message_id, attempt), {"$set": end}
    )


def _attempt(message_id: UUID, attempt: int) -> Document:
    return {"_id": message_id, "state": "pending", "attempts": attempt}


def _held_until(moment: datetime) -> Document:
    return {"available_at": moment, "locked_until": moment}


def _dead(chosen: DeadFilter) -> Document:
    wanted: Document = {"state": "dead"}
    if chosen.ids:
        wanted["_id"] = {"$in": [*chosen.ids]}
    if chosen.topic is not None:
        wanted["topic"] = chosen.topic
    limits: dict[str, Any] = {"$gte": chosen.since, "$lt": chosen.until}
    if finished := {name: value for name, value in limits.items() if value is not None}:
        wanted["finished_at"] = finished
    return wanted


def _message(document: Document) -> StoredMessage:
    return StoredMessage(id=document["_id"], **{name: document[name] for name in _STORED})
