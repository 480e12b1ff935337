"""Nobody who waits for a family of tokens has locked what the one waited for needs."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import select

from app.auth import store, users
from app.auth.model import User
from app.auth.principal import Role
from app.auth.refresh_tokens import TokenFamily
from app.auth.store import TokenFamilies, token_families
from app.db import Database
from tests.support.database import analyze

pytestmark = pytest.mark.anyio

NOW = datetime.now(UTC)
LATER = NOW + timedelta(days=1)
Change = Callable[[TokenFamilies, TokenFamily], Awaitable[object]]


def new_family(owner: User) -> TokenFamily:
    return TokenFamily(uuid4(), owner.id, uuid4().bytes, uuid4().bytes, None, NOW, LATER)


@pytest.fixture
async def family(own_database: Database) -> TokenFamily:
    """The only one that is not revoked, which makes the index of revocations attractive."""
    owner = User(uuid4(), "user@example.com", "hash", Role.MEMBER, False, NOW)
    alive = new_family(owner)
    revoked = [replace(new_family(owner), revoked_at=NOW) for _ in range(200)]
    async with own_database.unit_of_work() as work:
        await work.run_many(users._ADD_IF_ABSENT, [asdict(owner)])
        await work.run_many(store._ADD, map(asdict, [alive, *revoked]))
        await analyze(work)
    return alive


@pytest.mark.parametrize(
    ("change", "outcome"),
    [
        (lambda families, family: families.revoke(family.id, LATER), False),
        (lambda families, family: families.revoke_all(family.user_id, LATER), []),
        (lambda families, family: families.rotate(family, b"", LATER), False),
    ],
    ids=["revoke", "revoke_all", "rotate"],
)
async def test_a_family_can_be_revoked_by_whom_others_wait_for(
    own_database: Database, family: TokenFamily, change: Change, outcome: object
) -> None:
    lock = select(token_families).where(token_families.c.id == family.id).with_for_update()

    async def wait() -> object:
        async with own_database.unit_of_work() as work:
            return await change(TokenFamilies(work), family)

    async with own_database.unit_of_work() as work:
        await work.connection.execute(lock)
        waiting = asyncio.create_task(wait())
        await asyncio.sleep(0.2)
        assert not waiting.done()
        assert await TokenFamilies(work).revoke(family.id, NOW)
    assert await waiting == outcome
