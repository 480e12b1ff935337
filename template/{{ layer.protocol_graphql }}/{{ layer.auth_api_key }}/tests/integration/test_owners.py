"""Who is shown as the owner of something."""

from uuid import uuid4

import pytest

from app.auth.graphql import owner_loader
from app.auth.principal import Principal, Role
from app.db import Database

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("subject", [str(uuid4()), "of-an-earlier-authentication"])
async def test_the_owner_may_be_unknown(database: Database, subject: str) -> None:
    caller = Principal(subject, "machine", frozenset({Role.MEMBER}))
    assert await owner_loader(database, caller).load(subject) is None
