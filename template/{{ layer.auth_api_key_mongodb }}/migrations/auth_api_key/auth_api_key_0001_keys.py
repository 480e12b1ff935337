"""Clients and their API keys."""

from pymongo import IndexModel

from app.db.schema import (
    BYTES,
    MOMENT,
    TEXT,
    UUID,
    array,
    document,
    make_collection,
    nullable,
)

CLIENT = document(_id=UUID, name=TEXT, created_at=MOMENT)
KEY = document(
    _id=UUID,
    client=CLIENT,
    role=TEXT,
    scopes=nullable(array(TEXT)),
    created_at=MOMENT,
    expires_at=MOMENT,
    last_used_at=nullable(MOMENT),
    revoked_at=nullable(MOMENT),
    secret_hash=BYTES,
)


async def upgrade(database):
    name = IndexModel("name", name="name", unique=True)
    await make_collection(database, "api_clients", CLIENT, [name])
    of_client = IndexModel(["client.name", "_id"], name="client_name")
    await make_collection(database, "api_keys", KEY, [of_client])


async def downgrade(database):
    await database.drop_collection("api_keys")
    await database.drop_collection("api_clients")
