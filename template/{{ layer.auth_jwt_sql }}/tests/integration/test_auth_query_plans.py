"""Each query of tokens finds its rows by an index, however many there are."""

from collections.abc import AsyncIterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from app.auth import store, users
from app.auth.model import User
from app.auth.principal import Role
from app.auth.refresh_tokens import TokenFamily
from app.auth.store import TokenFamilies
from app.db import Database, UnitOfWork
from tests.support.database import analyze, bad_steps
from tests.support.statements import sent_statements

pytestmark = pytest.mark.anyio

MANY = 3000
NOW = datetime.now(UTC)


def user(number: int) -> User:
    return User(uuid4(), f"user-{number}@example.com", "hash", Role.MEMBER, False, NOW)


def family(owner: User, number: int) -> TokenFamily:
    revoked = NOW - timedelta(minutes=number) if number % 3 else None
    handle, token = uuid4().bytes, uuid4().bytes
    return TokenFamily(uuid4(), owner.id, handle, token, None, NOW, NOW, revoked)


USERS = [user(number) for number in range(MANY)]
FAMILIES = [family(owner, number) for number, owner in enumerate(USERS)]


@pytest.fixture
async def work(own_database: Database) -> AsyncIterator[UnitOfWork]:
    async with own_database.unit_of_work() as work:
        await work.run_many(users._ADD_IF_ABSENT, map(asdict, USERS))
        await work.run_many(store._ADD, map(asdict, FAMILIES))
        await analyze(work)
    async with own_database.unit_of_work() as work:
        yield work


async def test_no_query_of_tokens_reads_a_whole_table(work: UnitOfWork) -> None:
    families, known = TokenFamilies(work), FAMILIES[7]
    with sent_statements() as sent:
        assert await families.with_handle(known.handle_hash) == known
        assert not await families.rotate(known, b"", NOW)
        assert await families.revoke(FAMILIES[9].id, NOW)
        assert await families.revoke_all(USERS[12].id, NOW) == [FAMILIES[12].id]
        assert await families.revoke_all(USERS[15].id, NOW, keep=FAMILIES[15].id) == []
        assert len(await families.revoked_since(NOW - timedelta(minutes=16))) == 13
        await families.prune(known.user_id, NOW - timedelta(days=1))
    bad = {one.sql: await bad_steps(work, one.sql, one.arguments) for one in sent}
    assert len(sent) == 8
    assert {sql: steps for sql, steps in bad.items() if steps} == {}
