"""Owners of orders, made in the process of the test."""

from uuid import uuid4

from app.auth.principal import Principal, Role
from app.auth.users import Users
from app.bootstrap import Service

# What GraphQL tells of an owner, and how many statements it takes for all of a page.
OWNER = "id email"
OWNER_STATEMENTS = 1


async def new_owner(service: Service) -> Principal:
    """A new member."""
    email = f"{uuid4().hex}@example.com"
    await service.auth.accounts.register(email, "violet-otter-cabin-4821")
    async with service.database.unit_of_work(read_only=True) as work:
        user = await Users(work).with_email(email)
    assert user is not None
    return Principal(str(user.id), "user", frozenset({Role.MEMBER}))
