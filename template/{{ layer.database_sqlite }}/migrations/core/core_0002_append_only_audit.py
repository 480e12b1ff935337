"""Triggers that keep the audit trail append-only for 90 days."""

from alembic import op

revision = "core_0002"
down_revision = "core_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE TRIGGER audit_events_no_update BEFORE UPDATE ON audit_events
        BEGIN
            SELECT RAISE(ABORT, 'audit events are append-only');
        END
        """
    )
    op.execute(
        """
        CREATE TRIGGER audit_events_no_delete BEFORE DELETE ON audit_events
        WHEN OLD.occurred_at >= strftime('%Y-%m-%d %H:%M:%f', 'now', '-90 days')
        BEGIN
            SELECT RAISE(ABORT, 'audit events are append-only');
        END
        """
    )
    # INSERT OR REPLACE deletes without asking the trigger above.
    op.execute(
        """
        CREATE TRIGGER audit_events_no_replace BEFORE INSERT ON audit_events
        WHEN EXISTS (SELECT 1 FROM audit_events WHERE id = NEW.id)
        BEGIN
            SELECT RAISE(ABORT, 'audit events are append-only');
        END
        """
    )


def downgrade() -> None:
    op.execute("DROP TRIGGER audit_events_no_replace")
    op.execute("DROP TRIGGER audit_events_no_delete")
    op.execute("DROP TRIGGER audit_events_no_update")
