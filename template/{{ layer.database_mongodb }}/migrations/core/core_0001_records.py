"""Idempotency records and audit events."""

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
    one_of,
)

IDEMPOTENCY_RECORD = document(_id=BYTES, fingerprint=BYTES, result=BYTES, expires_at=MOMENT)
AUDIT_EVENT = document(
    _id=UUID,
    occurred_at=MOMENT,
    actor=TEXT,
    actor_kind=one_of("user", "machine", "anonymous"),
    action=TEXT,
    object=TEXT,
    outcome=one_of("success", "failure"),
    request_id=TEXT,
    client_address=TEXT,
    scopes=nullable(array(TEXT)),
)


async def upgrade(database):
    # MongoDB deletes a record once the time that it says has come.
    expiry = IndexModel("expires_at", name="expires_at", expireAfterSeconds=0)
    await make_collection(database, "idempotency_records", IDEMPOTENCY_RECORD, [expiry])
    await make_collection(
        database,
        "audit_events",
        AUDIT_EVENT,
        [
            IndexModel("occurred_at", name="occurred_at"),
            IndexModel(["actor", "_id"], name="actor"),
            IndexModel(["action", "_id"], name="action"),
            IndexModel(["object", "_id"], name="object"),
        ],
    )


async def downgrade(database):
    await database.drop_collection("audit_events")
    await database.drop_collection("idempotency_records")
