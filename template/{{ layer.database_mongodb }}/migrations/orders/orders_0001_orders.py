"""Orders."""

from pymongo import IndexModel

from app.db.schema import (
    INTEGER,
    MOMENT,
    MONEY,
    TEXT,
    UUID,
    array,
    document,
    make_collection,
    one_of,
)

LINE = document(sku=TEXT, quantity=INTEGER | {"minimum": 1}, unit_price=MONEY)
ORDER = document(
    _id=UUID,
    owner=TEXT,
    customer_reference=TEXT,
    status=one_of("draft", "placed", "shipped", "cancelled"),
    currency=TEXT,
    lines=array(LINE),
    total=MONEY,
    version=INTEGER,
    created_at=MOMENT,
    updated_at=MOMENT,
)
CONFIRMATION = document(_id=UUID, message_id=UUID)


async def upgrade(database):
    # One index for each way in which a page is asked for; each also serves the reverse order.
    pages = [
        IndexModel(["created_at", "_id"], name="created_at"),
        IndexModel(["owner", "created_at", "_id"], name="owner_created_at"),
        IndexModel(["status", "created_at", "_id"], name="status_created_at"),
        IndexModel(["owner", "status", "created_at", "_id"], name="owner_status_created_at"),
    ]
    await make_collection(database, "orders", ORDER, pages)
    await make_collection(database, "order_confirmations", CONFIRMATION)


async def downgrade(database):
    await database.drop_collection("order_confirmations")
    await database.drop_collection("orders")
