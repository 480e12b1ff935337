"""Accounts."""

from pymongo import IndexModel

from app.db.schema import FLAG, MOMENT, TEXT, UUID, document, make_collection

USER = document(
    _id=UUID, email=TEXT, password_hash=TEXT, role=TEXT, disabled=FLAG, created_at=MOMENT
)


async def upgrade(database):
    await make_collection(database, "users", USER, [IndexModel("email", name="email", unique=True)])


async def downgrade(database):
    await database.drop_collection("users")
