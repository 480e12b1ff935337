"""Each query of sessions finds its documents by an index, however many there are."""

from dataclasses import replace
from datetime import timedelta

import pytest

from app.auth.principal import Role
from app.auth.sessions import Session
from app.auth.store import Sessions
from app.db import Database
from app.platform.clock import now
from app.platform.ids import new_uuid
from tests.support.plans import bad_steps
from tests.support.statements import sent_statements

pytestmark = pytest.mark.anyio

NOW = now()


def session() -> Session:
    return Session(new_uuid(), new_uuid().bytes * 2, new_uuid(), Role.MEMBER, NOW, NOW)


async def test_no_query_of_sessions_reads_a_whole_collection(own_database: Database) -> None:
    known, *others = made = [session() for _ in range(5)]
    later, digest = NOW + timedelta(minutes=1), new_uuid().bytes * 2
    with sent_statements() as sent:
        async with own_database.unit_of_work() as work:
            sessions = Sessions(work)
            for one in made:
                await sessions.add(one)
            assert await sessions.with_key(known.key_hash) == known
            await sessions.prolong(known, later)
            await sessions.prolong(known, later + timedelta(minutes=1))
            assert await sessions.get(known.id) == replace(known, expires_at=later)
            assert await sessions.change_key(known.id, digest)
            assert not await sessions.change_key(new_uuid(), digest)
            await sessions.end(others[0].id)
            await sessions.end_with_key(others[1].key_hash)
            await sessions.end_all(others[2].user_id)
            await sessions.end_all(known.user_id, keep=known.id)
            await sessions.prune(others[3].user_id, NOW)
            assert [await sessions.get(other.id) for other in others] == [None] * 4
            assert await sessions.with_key(digest) is not None
    async with own_database.unit_of_work(read_only=True) as reading:
        bad = [(one, await bad_steps(reading, one)) for one in sent]
    assert len(bad) > 15
    assert [one for one in bad if one[1]] == []
