"""Owners of orders, made in the process of the test."""

from uuid import uuid4

from app.auth.principal import Principal, Role
from app.bootstrap import Service

# What GraphQL tells of an owner, and how many statements it takes for all of a page.
OWNER = "id"
OWNER_STATEMENTS = 0


async def new_owner(_service: Service) -> Principal:
    """A caller whom nobody has seen before: the identity provider keeps the accounts."""
    return Principal(str(uuid4()), "user", frozenset({Role.MEMBER}))
