"""Each query of accounts finds its rows by an index, however many there are."""

from collections.abc import AsyncIterator
from dataclasses import asdict
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from app.auth import users as store
from app.auth.model import User
from app.auth.principal import Role
from app.auth.users import Users
from app.db import Database, UnitOfWork
from tests.support.database import analyze, bad_steps
from tests.support.statements import sent_statements

pytestmark = pytest.mark.anyio

MANY = 3000


def user(number: int) -> User:
    email = f"user-{number}@example.com"
    return User(uuid4(), email, "hash", Role.MEMBER, False, datetime.now(UTC))


USERS = [user(number) for number in range(MANY)]


@pytest.fixture
async def work(own_database: Database) -> AsyncIterator[UnitOfWork]:
    async with own_database.unit_of_work() as work:
        await work.run_many(store._ADD_IF_ABSENT, map(asdict, USERS))
        await analyze(work)
    async with own_database.unit_of_work() as work:
        yield work


async def test_no_query_of_accounts_reads_a_whole_table(work: UnitOfWork) -> None:
    users, someone = Users(work), USERS[7]
    with sent_statements() as sent:
        for lock in (False, True):
            assert await users.with_email(someone.email, lock=lock) == someone
            assert await users.get(someone.id, lock=lock) == someone
        assert await users.add_if_absent(user(MANY))
        assert not await users.add_if_absent(user(7))
        await users.update(someone.id, role=Role.VIEWER)
    bad = {one.sql: await bad_steps(work, one.sql, one.arguments) for one in sent}
    assert len(sent) == 7
    assert {sql: steps for sql, steps in bad.items() if steps} == {}
