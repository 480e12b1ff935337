"""Families of tokens."""

from datetime import UTC, datetime

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

TOKEN_FAMILY = document(
    _id=UUID,
    user_id=UUID,
    handle_hash=BYTES,
    token_hash=BYTES,
    scopes=nullable(array(TEXT)),
    created_at=MOMENT,
    expires_at=MOMENT,
    revoked_at=nullable(MOMENT),
)


async def upgrade(database):
    await make_collection(
        database,
        "token_families",
        TOKEN_FAMILY,
        [
            IndexModel("handle_hash", name="handle_hash", unique=True),
            IndexModel("user_id", name="user_id"),
            # Few are revoked, and those alone are looked for by it.
            IndexModel(
                "revoked_at",
                name="revoked_at",
                partialFilterExpression={"revoked_at": {"$gt": datetime.fromtimestamp(0, UTC)}},
            ),
        ],
    )


async def downgrade(database):
    await database.drop_collection("token_families")
