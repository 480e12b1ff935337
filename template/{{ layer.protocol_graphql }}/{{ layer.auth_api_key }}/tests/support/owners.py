"""Owners of orders, made in the process of the test."""

from uuid import uuid4

from app.auth.keys import OPERATOR, KeyRequest
from app.auth.principal import Principal, Role
from app.bootstrap import Service

# What GraphQL tells of an owner, and how many statements it takes for all of a page.
OWNER = "id name"
OWNER_STATEMENTS = 1


async def new_owner(service: Service) -> Principal:
    """A new client."""
    wanted = KeyRequest(f"member-{uuid4().hex}", Role.MEMBER)
    return (await service.auth.keys.create(OPERATOR, wanted)).key.principal
