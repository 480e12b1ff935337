"""Clients and their API keys."""

import sqlalchemy as sa
from alembic import op

from app.db.schema import Digest, Name, Text, UtcDateTime, Uuid

revision = "auth_api_key_0001"
down_revision = None
branch_labels = ("auth_api_key",)
depends_on = None


def upgrade() -> None:
    op.create_table(
        "api_clients",
        sa.Column("id", Uuid, nullable=False),
        sa.Column("name", Name, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_api_clients"),
        sa.UniqueConstraint("name", name="uq_api_clients_name"),
    )
    op.create_table(
        "api_keys",
        sa.Column("id", Uuid, nullable=False),
        sa.Column("client_id", Uuid, nullable=False),
        sa.Column("role", Name, nullable=False),
        sa.Column("scopes", Text),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("expires_at", UtcDateTime, nullable=False),
        sa.Column("last_used_at", UtcDateTime),
        sa.Column("revoked_at", UtcDateTime),
        sa.Column("secret_hash", Digest, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_api_keys"),
        sa.ForeignKeyConstraint(["client_id"], ["api_clients.id"], name="fk_api_keys_client_id"),
    )
    op.create_index("ix_api_keys_client_id_id", "api_keys", ["client_id", "id"])


def downgrade() -> None:
    op.drop_table("api_keys")
    op.drop_table("api_clients")
