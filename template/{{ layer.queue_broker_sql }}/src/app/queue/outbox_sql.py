"""The table of the outbox, and every statement on it."""

from collections.abc import Iterable
from dataclasses import fields
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    Column,
    ColumnElement,
    Integer,
    Select,
    Table,
    TextClause,
    and_,
    bindparam,
    func,
    insert,
    or_,
    select,
    text,
    update,
)

from app.db.free_rows import DeleteFree, UpdateFree
from app.db.schema import Name, Text, UtcDateTime, Uuid, indexes_by_state, metadata
from app.db.statement import Statement
from app.queue.stored import StoredMessage

# Literals: an index on a part of a table serves a query only where the engine sees the value.
_PENDING, _DONE, _DEAD = text("state = 'pending'"), text("state = 'done'"), text("state = 'dead'")

outbox = Table(
    "outbox",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("topic", Name, nullable=False),
    Column("version", Integer, nullable=False),
    Column("payload", Text, nullable=False),
    Column("request_id", Name, nullable=False),
    Column("traceparent", Name, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("state", Name, nullable=False),
    Column("attempts", Integer, nullable=False),
    # When the message is to be handed to the broker, for the first time or again.
    Column("available_at", UtcDateTime, nullable=False),
    # Until when no worker may claim it: a lease, or the pause after a failure.
    Column("locked_until", UtcDateTime, nullable=False),
    Column("last_error", Text),
    Column("finished_at", UtcDateTime),
    CheckConstraint("state IN ('pending', 'done', 'dead')", name="state"),
    *indexes_by_state("ix_outbox", pending="available_at", done="finished_at", dead="finished_at"),
)
_stored = [outbox.c[field.name] for field in fields(StoredMessage)]
_limit = bindparam("limit", type_=Integer)
_is_attempt = and_(
    outbox.c.id == bindparam("message_id"), outbox.c.attempts == bindparam("attempt")
)


def _pending(*conditions: ColumnElement[bool]) -> Select[Any]:
    return select(outbox.c.id).where(_PENDING, *conditions)


_is_due = outbox.c.available_at <= bindparam("now")
APPEND = Statement(insert(outbox))
ANY_DUE = Statement(select(outbox.c.id).where(_PENDING, _is_due).limit(1))
SEND_DUE = UpdateFree(
    _pending(_is_due).order_by(outbox.c.available_at).limit(_limit),
    {"available_at": bindparam("later")},
    [outbox.c.id],
)
FINISH = Statement(
    update(outbox)
    .where(_PENDING, _is_attempt)
    .values(
        state=bindparam("new_state"), finished_at=bindparam("now"), last_error=bindparam("error")
    )
)
FREE = Statement(
    update(outbox)
    .where(_PENDING, _is_attempt)
    .values(
        attempts=bindparam("new_attempts"),
        available_at=bindparam("start"),
        locked_until=bindparam("start"),
        last_error=bindparam("error"),
    )
)
DEPTH = Statement(
    select(
        select(func.count()).select_from(outbox).where(_PENDING).scalar_subquery(),
        select(func.count()).select_from(outbox).where(_DEAD).scalar_subquery(),
        select(func.min(outbox.c.created_at)).where(_PENDING).scalar_subquery(),
    )
)
PRUNE = DeleteFree(
    select(outbox.c.id)
    .where(_DONE, outbox.c.finished_at < bindparam("before"))
    .order_by(outbox.c.finished_at)
    .limit(_limit)
)


def _among(count: int) -> ColumnElement[bool]:
    return outbox.c.id.in_([bindparam(f"id_{n}", type_=Uuid) for n in range(count)])


def numbered(ids: Iterable[UUID]) -> dict[str, UUID]:
    return {f"id_{n}": message_id for n, message_id in enumerate(ids)}


@cache
def release(count: int) -> UpdateFree:
    return UpdateFree(_pending(_among(count)), {"available_at": bindparam("now")}, [outbox.c.id])


@cache
def claim(count: int) -> UpdateFree:
    return UpdateFree(
        _pending(_among(count), outbox.c.locked_until <= bindparam("now")),
        {
            "attempts": outbox.c.attempts + 1,
            "available_at": bindparam("end"),
            "locked_until": bindparam("end"),
        },
        _stored,
    )


@cache
def renew(count: int) -> UpdateFree:
    held = [
        and_(outbox.c.id == bindparam(f"id_{n}"), outbox.c.attempts == bindparam(f"attempt_{n}"))
        for n in range(count)
    ]
    return UpdateFree(
        _pending(or_(*held)),
        {"available_at": bindparam("end"), "locked_until": bindparam("end")},
        [outbox.c.id],
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
def list_dead(count: int, filters: frozenset[str]) -> Statement:
    return Statement(
        select(*_stored)
        .where(*_chosen(count, filters))
        .order_by(outbox.c.finished_at.desc())
        .limit(_limit)
    )


@cache
def replay(count: int, filters: frozenset[str]) -> UpdateFree:
    rows = select(outbox.c.id).where(*_chosen(count, filters)).limit(_limit)
    return UpdateFree(
        # Those with an id are found by it, and would have to be sorted.
        rows if count else rows.order_by(outbox.c.finished_at),
        {
            "state": bindparam("new_state"),
            "attempts": bindparam("attempts"),
            "available_at": bindparam("now"),
            "locked_until": bindparam("now"),
            "finished_at": bindparam("finished_at"),
        },
        [outbox.c.id],
    )
