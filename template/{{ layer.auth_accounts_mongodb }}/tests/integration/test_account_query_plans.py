"""Each query of accounts finds its documents by an index, however many there are."""

import pytest

from app.auth.model import User
from app.auth.principal import Role
from app.auth.users import Users
from app.db import Database
from app.platform.clock import now
from app.platform.ids import new_uuid
from tests.support.plans import bad_steps
from tests.support.statements import sent_statements

pytestmark = pytest.mark.anyio


async def test_no_query_of_accounts_reads_a_whole_collection(own_database: Database) -> None:
    someone = User(new_uuid(), "someone@example.com", "hash", Role.MEMBER, False, now())
    with sent_statements() as sent:
        async with own_database.unit_of_work() as work:
            users = Users(work)
            assert await users.add_if_absent(someone)
            assert not await users.add_if_absent(someone)
            for lock in (False, True):
                assert await users.with_email(someone.email, lock=lock) == someone
                assert await users.get(someone.id, lock=lock) == someone
            await users.update(someone.id, role=Role.VIEWER)
    async with own_database.unit_of_work(read_only=True) as reading:
        bad = [(one, await bad_steps(reading, one)) for one in sent]
    assert len(bad) == 8
    assert [one for one in bad if one[1]] == []
