"""Triggers, and a reference, that keep the audit trail append-only for 90 days."""

import sqlalchemy as sa
from alembic import op

from app.db.schema import Uuid

revision = "core_0002"
down_revision = "core_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE TRIGGER audit_events_no_update BEFORE UPDATE ON audit_events FOR EACH ROW
        SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'audit events are append-only'
        """
    )
    # By SYSDATE, as any account may set the clock of the other functions: `SET timestamp = …`. It
    # tells the time in the session's zone, which UNIX_TIMESTAMP takes out again.
    op.execute(
        """
        CREATE TRIGGER audit_events_no_delete BEFORE DELETE ON audit_events FOR EACH ROW
        IF OLD.occurred_at >= TIMESTAMP('1970-01-01')
            + INTERVAL UNIX_TIMESTAMP(SYSDATE(6)) SECOND - INTERVAL 90 DAY
        THEN
            SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'audit events are append-only';
        END IF
        """
    )
    op.create_table(
        "audit_events_guard",
        sa.Column("id", Uuid, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit_events_guard"),
        sa.ForeignKeyConstraint(["id"], ["audit_events.id"], name="audit_is_append_only"),
    )


def downgrade() -> None:
    op.drop_table("audit_events_guard")
    op.execute("DROP TRIGGER audit_events_no_delete")
    op.execute("DROP TRIGGER audit_events_no_update")
