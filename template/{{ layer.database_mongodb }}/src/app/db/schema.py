"""What migrations make collections of."""

from collections.abc import Mapping, Sequence
from typing import Any

from pymongo import IndexModel
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import CollectionInvalid

from app.db.client import Document

Shape = dict[str, Any]

UUID: Shape = {"bsonType": "binData"}
BYTES: Shape = {"bsonType": "binData"}
TEXT: Shape = {"bsonType": "string"}
FLAG: Shape = {"bsonType": "bool"}
MONEY: Shape = {"bsonType": "decimal"}
MOMENT: Shape = {"bsonType": "date"}
# The driver writes a number in the smaller type that it fits.
INTEGER: Shape = {"bsonType": ["int", "long"]}


def one_of(*values: str) -> Shape:
    return {"enum": [*values]}


def nullable(shape: Shape) -> Shape:
    return {"oneOf": [shape, {"bsonType": "null"}]}


def array(items: Shape) -> Shape:
    return {"bsonType": "array", "items": items}


def document(**fields: Shape) -> Shape:
    """A document that has these fields; it may have others, which a later release adds."""
    return {"bsonType": "object", "required": [*fields], "properties": fields}


async def make_collection(
    database: AsyncDatabase[Document],
    name: str,
    shape: Mapping[str, Any],
    indexes: Sequence[IndexModel] = (),
) -> None:
    """Create the collection; one that is there, as of an interrupted run, is brought to the same.

    Documents that are there already are not looked at. An index of the same name that differs is
    an error of the server.
    """
    validator = {"$jsonSchema": dict(shape)}
    try:
        await database.create_collection(name, validator=validator)
    except CollectionInvalid:
        await database.command("collMod", name, validator=validator)
    if indexes:
        await database[name].create_indexes([*indexes])
