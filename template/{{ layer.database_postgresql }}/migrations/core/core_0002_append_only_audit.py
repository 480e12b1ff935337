"""Triggers that keep the audit trail append-only for 90 days."""

from alembic import op

revision = "core_0002"
down_revision = "core_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE FUNCTION audit_events_keep() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF TG_OP = 'DELETE' AND OLD.occurred_at < now() - interval '90 days' THEN
                RETURN OLD;
            END IF;
            RAISE EXCEPTION 'audit events are append-only' USING ERRCODE = 'restrict_violation';
        END
        $$
        """
    )
    op.execute(
        """
        CREATE TRIGGER audit_events_keep_rows BEFORE UPDATE OR DELETE ON audit_events
        FOR EACH ROW EXECUTE FUNCTION audit_events_keep()
        """
    )
    op.execute(
        """
        CREATE TRIGGER audit_events_keep_table BEFORE TRUNCATE ON audit_events
        FOR EACH STATEMENT EXECUTE FUNCTION audit_events_keep()
        """
    )


def downgrade() -> None:
    op.execute("DROP TRIGGER audit_events_keep_table ON audit_events")
    op.execute("DROP TRIGGER audit_events_keep_rows ON audit_events")
    op.execute("DROP FUNCTION audit_events_keep()")
