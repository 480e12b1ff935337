"""The outbox."""

import sqlalchemy as sa
from alembic import op

from app.db.schema import Name, Text, UtcDateTime, Uuid, indexes_by_state

revision = "outbox_0001"
down_revision = None
branch_labels = ("outbox",)
depends_on = None


def upgrade() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", Uuid, nullable=False),
        sa.Column("topic", Name, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("payload", Text, nullable=False),
        sa.Column("request_id", Name, nullable=False),
        sa.Column("traceparent", Name, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("state", Name, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("available_at", UtcDateTime, nullable=False),
        sa.Column("locked_until", UtcDateTime, nullable=False),
        sa.Column("last_error", Text),
        sa.Column("finished_at", UtcDateTime),
        sa.PrimaryKeyConstraint("id", name="pk_outbox"),
        sa.CheckConstraint("state IN ('pending', 'done', 'dead')", name="ck_outbox_state"),
        *indexes_by_state(
            "ix_outbox", pending="available_at", done="finished_at", dead="finished_at"
        ),
    )


def downgrade() -> None:
    op.drop_table("outbox")
