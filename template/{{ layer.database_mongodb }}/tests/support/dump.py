"""All that a database holds."""

from collections.abc import Iterator
from typing import Any

from pymongo import MongoClient


def dumped(url: str) -> Iterator[str]:
    """Every value in every collection as `collection.field: value`; of bytes what may be text."""
    with MongoClient[dict[str, Any]](url, uuidRepresentation="standard") as client:
        database = client.get_default_database()
        for name in database.list_collection_names():
            for document in database[name].find():
                yield from (f"{name}.{path}: {value}" for path, value in _values("", document))


def _values(path: str, value: object) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _values(f"{path}.{name}".lstrip("."), inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _values(path, inner)
    else:
        yield path, value.decode("latin-1") if isinstance(value, bytes) else str(value)
