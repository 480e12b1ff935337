"""A database that stands for what nobody has thought of."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import anyio
from pymongo import MongoClient

from app.db import migrations
from app.db.settings import DatabaseSettings
from tests.support.database import empty_database


@contextmanager
def broken_database(url: str) -> Iterator[str]:
    """The URL of a database where to look for anything is to divide by zero."""
    with empty_database(url) as made, MongoClient[dict[str, Any]](made) as client:
        settings = DatabaseSettings.model_validate({"database_url": made})
        anyio.run(migrations.upgrade, settings, "heads")
        database = client.get_default_database()
        database["numbers"].insert_one({"zero": 0})
        for name in database.list_collection_names(filter={"name": {"$ne": "numbers"}}):
            fields = {field for index in database[name].list_indexes() for field in index["key"]}
            fails = {"$set": {field: {"$divide": [1, "$zero"]} for field in fields}}
            database.drop_collection(name)
            database.create_collection(name, viewOn="numbers", pipeline=[fails])
        yield made
