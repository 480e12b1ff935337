"""Orders."""

import sqlalchemy as sa
from alembic import op

from app.db.schema import Money, Name, UtcDateTime, Uuid

revision = "orders_0001"
down_revision = None
branch_labels = ("orders",)
depends_on = None


def upgrade() -> None:
    op.create_table(
        "orders",
        sa.Column("id", Uuid, nullable=False),
        sa.Column("owner", Name, nullable=False),
        sa.Column("customer_reference", Name, nullable=False),
        sa.Column("status", Name, nullable=False),
        sa.Column("currency", Name, nullable=False),
        sa.Column("total", Money, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("updated_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_orders"),
        sa.CheckConstraint(
            "status IN ('draft', 'placed', 'shipped', 'cancelled')", name="ck_orders_status"
        ),
    )
    for columns in (
        ["created_at", "id"],
        ["owner", "created_at", "id"],
        ["status", "created_at", "id"],
        ["owner", "status", "created_at", "id"],
    ):
        op.create_index(f"ix_orders_{'_'.join(columns)}", "orders", columns)
    op.create_table(
        "order_lines",
        sa.Column("order_id", Uuid, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("sku", Name, nullable=False),
        sa.Column("quantity", sa.Integer, nullable=False),
        sa.Column("unit_price", Money, nullable=False),
        sa.PrimaryKeyConstraint("order_id", "position", name="pk_order_lines"),
        sa.ForeignKeyConstraint(
            ["order_id"], ["orders.id"], name="fk_order_lines_order_id", ondelete="CASCADE"
        ),
        sa.CheckConstraint("quantity > 0", name="ck_order_lines_quantity"),
    )
    op.create_table(
        "order_confirmations",
        sa.Column("order_id", Uuid, nullable=False),
        sa.Column("message_id", Uuid, nullable=False),
        sa.PrimaryKeyConstraint("order_id", name="pk_order_confirmations"),
        sa.ForeignKeyConstraint(
            ["order_id"], ["orders.id"], name="fk_order_confirmations_order_id", ondelete="CASCADE"
        ),
    )


def downgrade() -> None:
    op.drop_table("order_confirmations")
    op.drop_table("order_lines")
    op.drop_table("orders")
