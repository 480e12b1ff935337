"""Triggers that keep the audit trail append-only for 90 days."""

from alembic import op

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
    op.execute(
        """
        CREATE TRIGGER audit_events_no_delete BEFORE DELETE ON audit_events FOR EACH ROW
        IF OLD.occurred_at >= UTC_TIMESTAMP(6) - INTERVAL 90 DAY THEN
            SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'audit events are append-only';
        END IF
        """
    )


def downgrade() -> None:
    op.execute("DROP TRIGGER audit_events_no_delete")
    op.execute("DROP TRIGGER audit_events_no_update")
