"""Who is shown as the owner of something."""

from uuid import uuid4

import pytest

from app.auth.graphql import owner_loader
from app.auth.principal import Principal, Role
from app.db import Database

pytestmark = pytest.mark.anyio


async def test_the_owner_may_be_gone(database: Database) -> None:
    gone = Principal(str(uuid4()), "user", frozenset({Role.MEMBER}))
    assert await owner_loader(database, gone).load(gone.subject) is None
