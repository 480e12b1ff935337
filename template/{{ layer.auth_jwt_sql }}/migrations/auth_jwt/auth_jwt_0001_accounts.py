"""Accounts and families of tokens."""

import sqlalchemy as sa
from alembic import op

from app.db.schema import Digest, Name, Text, UtcDateTime, Uuid

revision = "auth_jwt_0001"
down_revision = None
branch_labels = ("auth_jwt",)
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
        "token_families",
        sa.Column("id", Uuid, nullable=False),
        sa.Column("user_id", Uuid, nullable=False),
        sa.Column("handle_hash", Digest, nullable=False),
        sa.Column("token_hash", Digest, nullable=False),
        sa.Column("scopes", Text),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("expires_at", UtcDateTime, nullable=False),
        sa.Column("revoked_at", UtcDateTime),
        sa.PrimaryKeyConstraint("id", name="pk_token_families"),
        sa.UniqueConstraint("handle_hash", name="uq_token_families_handle_hash"),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name="fk_token_families_user_id", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_token_families_user_id", "token_families", ["user_id"])
    op.create_index("ix_token_families_revoked_at", "token_families", ["revoked_at"])


def downgrade() -> None:
    # Without the accounts, which another way to log in may need.
    op.drop_table("token_families")
