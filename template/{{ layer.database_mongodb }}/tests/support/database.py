"""What tests need to know of the engine."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from pymongo import MongoClient


@contextmanager
def empty_database(url: str) -> Iterator[str]:
    """The URL of a database of its own on the same server, with its own user and password."""
    name, password = f"test_{uuid4().hex}", secrets.token_hex()
    hosts = urlsplit(url).netloc.rpartition("@")[2]
    with MongoClient[dict[str, Any]](url, timeoutMS=10_000) as client:
        database = client[name]
        database.command("createUser", "owner", pwd=password, roles=["dbOwner"])
        try:
            yield f"mongodb://owner:{password}@{hosts}/{name}?directConnection=true"
        finally:
            database.command("dropAllUsersFromDatabase")
            database.command("dropAllRolesFromDatabase")
            client.drop_database(name)
