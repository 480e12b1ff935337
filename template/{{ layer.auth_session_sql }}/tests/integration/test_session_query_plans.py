"""Each query of sessions finds its rows by an index, however many there are."""

from collections.abc import AsyncIterator
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from app.auth import store, users
from app.auth.model import User
from app.auth.principal import Role
from app.auth.sessions import Session
from app.auth.store import Sessions
from app.db import Database, UnitOfWork
from tests.support.database import analyze, bad_steps
from tests.support.statements import sent_statements

pytestmark = pytest.mark.anyio

MANY = 3000
NOW = datetime.now(UTC).replace(microsecond=0)


def user(number: int) -> User:
    return User(uuid4(), f"user-{number}@example.com", "hash", Role.MEMBER, False, NOW)


def session(owner: User) -> Session:
    return Session(uuid4(), uuid4().bytes * 2, owner.id, Role.MEMBER, NOW, NOW)


USERS = [user(number) for number in range(MANY)]
SESSIONS = [session(owner) for owner in USERS]


@pytest.fixture
async def work(own_database: Database) -> AsyncIterator[UnitOfWork]:
    async with own_database.unit_of_work() as work:
        await work.run_many(users._ADD_IF_ABSENT, map(asdict, USERS))
        await work.run_many(store._ADD, map(asdict, SESSIONS))
        await analyze(work)
    async with own_database.unit_of_work() as work:
        yield work


async def test_no_query_of_sessions_reads_a_whole_table(work: UnitOfWork) -> None:
    sessions, known = Sessions(work), SESSIONS[7]
    later, digest = NOW + timedelta(minutes=1), uuid4().bytes * 2
    with sent_statements() as sent:
        assert await sessions.with_key(known.key_hash) == known
        await sessions.prolong(known, later)
        await sessions.prolong(known, later + timedelta(minutes=1))
        assert await sessions.get(known.id) == replace(known, expires_at=later)
        assert await sessions.change_key(known.id, digest)
        assert not await sessions.change_key(uuid4(), digest)
        await sessions.end(SESSIONS[8].id)
        await sessions.end_with_key(SESSIONS[9].key_hash)
        await sessions.end_all(USERS[10].id)
        await sessions.end_all(USERS[7].id, keep=known.id)
        await sessions.prune(USERS[11].id, NOW)
    bad = {one.sql: await bad_steps(work, one.sql, one.arguments) for one in sent}
    assert len(sent) == 11
    assert {sql: steps for sql, steps in bad.items() if steps} == {}
    ended = [await sessions.get(SESSIONS[number].id) for number in (8, 9, 10, 11)]
    assert ended == [None] * 4
    assert await sessions.get(known.id) is not None
