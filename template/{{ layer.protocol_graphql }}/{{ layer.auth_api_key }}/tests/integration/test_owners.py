"""Who is shown as the owner of something."""

import pytest

from app.auth.graphql import owner_loader
from app.auth.principal import Principal, Role
from app.db import Database

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    "subject", ["0198c2a4-7c1e-7d3b-9f60-2f1a5c7e9b11", "of-an-earlier-authentication"]
)
async def test_the_owner_may_be_unknown(database: Database, subject: str) -> None:
    caller = Principal(subject, "machine", frozenset({Role.MEMBER}))
    assert await owner_loader(database, caller).load(subject) is None
