"""Accounts and sessions."""

import sqlalchemy as sa
from alembic import op

from app.db.schema import Digest, Name, UtcDateTime, Uuid

revision = "auth_session_0001"
down_revision = None
branch_labels = ("auth_session",)
depends_on = None


def upgrade() -> None:
    op.create_table(
        "users",
        sa.Column("id", Uuid, nullable=False),
        sa.Column("email", Name, nullable=False),
        sa.Column("password_hash", Name, nullable=False),
        sa.Column("role", Name, nullable=False),
        sa.Column("disabled", sa.Boolean, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
        sa.UniqueConstraint("email", name="uq_users_email"),
        # Another way to log in may have made it before.
        if_not_exists=True,
    )
    op.create_table(
        "sessions",
        sa.Column("id", Uuid, nullable=False),
        sa.Column("key_hash", Digest, nullable=False),
        sa.Column("user_id", Uuid, nullable=False),
        sa.Column("role", Name, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("expires_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_sessions"),
        sa.UniqueConstraint("key_hash", name="uq_sessions_key_hash"),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name="fk_sessions_user_id", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_sessions_user_id", "sessions", ["user_id"])


def downgrade() -> None:
    # Without the accounts, which another way to log in may need.
    op.drop_table("sessions")
