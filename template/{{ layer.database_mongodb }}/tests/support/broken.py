"""A database that stands for what nobody has thought of."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pymongo import MongoClient

from tests.support.database import empty_database


@contextmanager
def broken_database(url: str) -> Iterator[str]:
    """The URL of a database where to read orders, accounts or events is to divide by zero."""
    with empty_database(url) as made, MongoClient[dict[str, Any]](made) as client:
        database = client.get_default_database()
        database["numbers"].insert_one({"zero": 0})
        fails = {"$set": {name: {"$divide": [1, "$zero"]} for name in ("_id", "owner", "email")}}
        for name in ("audit_events", "orders", "users"):
            database.create_collection(name, viewOn="numbers", pipeline=[fails])
        yield made
