"""Sessions."""

from pymongo import IndexModel

from app.db.schema import BYTES, MOMENT, TEXT, UUID, document, make_collection

SESSION = document(
    _id=UUID, key_hash=BYTES, user_id=UUID, role=TEXT, created_at=MOMENT, expires_at=MOMENT
)


async def upgrade(database):
    indexes = [
        IndexModel("key_hash", name="key_hash", unique=True),
        IndexModel("user_id", name="user_id"),
    ]
    await make_collection(database, "sessions", SESSION, indexes)


async def downgrade(database):
    await database.drop_collection("sessions")
