"""Idempotency records and audit events."""

import sqlalchemy as sa
from alembic import op

from app.db.schema import Bytes, Digest, Json, Name, UtcDateTime, Uuid

revision = "core_0001"
down_revision = None
branch_labels = ("core",)
depends_on = None


def upgrade() -> None:
    op.create_table(
        "idempotency_records",
        sa.Column("key_digest", Digest, nullable=False),
        sa.Column("fingerprint", Digest, nullable=False),
        sa.Column("result", Bytes, nullable=False),
        sa.Column("expires_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("key_digest", name="pk_idempotency_records"),
    )
    op.create_index("ix_idempotency_records_expires_at", "idempotency_records", ["expires_at"])
    op.create_table(
        "audit_events",
        sa.Column("id", Uuid, nullable=False),
        sa.Column("occurred_at", UtcDateTime, nullable=False),
        sa.Column("actor", Name, nullable=False),
        sa.Column("actor_kind", Name, nullable=False),
        sa.Column("action", Name, nullable=False),
        sa.Column("object", Name, nullable=False),
        sa.Column("outcome", Name, nullable=False),
        sa.Column("request_id", Name, nullable=False),
        sa.Column("client_address", Name, nullable=False),
        sa.Column("scopes", Json),
        sa.PrimaryKeyConstraint("id", name="pk_audit_events"),
        sa.CheckConstraint(
            "actor_kind IN ('user', 'machine', 'anonymous')", name="ck_audit_events_actor_kind"
        ),
        sa.CheckConstraint("outcome IN ('success', 'failure')", name="ck_audit_events_outcome"),
    )
    op.create_index("ix_audit_events_occurred_at", "audit_events", ["occurred_at"])
    op.create_index("ix_audit_events_actor_id", "audit_events", ["actor", "id"])
    op.create_index("ix_audit_events_action_id", "audit_events", ["action", "id"])
    op.create_index("ix_audit_events_object_id", "audit_events", ["object", "id"])


def downgrade() -> None:
    op.drop_table("audit_events")
    op.drop_table("idempotency_records")
