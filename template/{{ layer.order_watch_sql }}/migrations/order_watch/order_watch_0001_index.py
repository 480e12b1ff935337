"""An index on when orders changed."""

from contextlib import nullcontext

from alembic import op

revision = "order_watch_0001"
down_revision = None
branch_labels = ("order_watch",)
depends_on = "orders_0001"

INDEX = "ix_orders_updated_at"


def upgrade() -> None:
    migration = op.get_context()
    # Concurrently where that exists, as there may be many orders; no transaction can do that.
    with migration.autocommit_block() if migration.impl.transactional_ddl else nullcontext():
        op.create_index(
            INDEX, "orders", ["updated_at"], postgresql_concurrently=True, if_not_exists=True
        )


def downgrade() -> None:
    op.drop_index(INDEX)
