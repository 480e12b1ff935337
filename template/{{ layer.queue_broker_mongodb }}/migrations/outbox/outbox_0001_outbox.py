"""The outbox."""

from pymongo import IndexModel

from app.db.schema import (
    INTEGER,
    MOMENT,
    TEXT,
    UUID,
    document,
    make_collection,
    nullable,
    one_of,
)

MESSAGE = document(
    _id=UUID,
    topic=TEXT,
    version=INTEGER,
    payload=TEXT,
    request_id=TEXT,
    traceparent=TEXT,
    created_at=MOMENT,
    state=one_of("pending", "done", "dead"),
    attempts=INTEGER,
    available_at=MOMENT,
    locked_until=MOMENT,
    last_error=nullable(TEXT),
    finished_at=nullable(MOMENT),
)


async def upgrade(database):
    # Most messages are done. The state comes first, as an index is only looked at where a query
    # names its first field.
    parts = (
        ("pending", "pending", "available_at"),
        ("oldest", "pending", "created_at"),
        ("done", "done", "finished_at"),
        ("dead", "dead", "finished_at"),
    )
    indexes = [
        IndexModel(["state", field], name=name, partialFilterExpression={"state": state})
        for name, state, field in parts
    ]
    await make_collection(database, "outbox", MESSAGE, indexes)


async def downgrade(database):
    await database.drop_collection("outbox")
