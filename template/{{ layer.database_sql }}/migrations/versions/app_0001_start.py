"""The start of your own revisions.

Make the next one with

    uv run python -m dev exec -- alembic revision --head app@head --autogenerate -m "add customers"

and add `--depends-on orders@head` where it refers to tables of another branch. Do not depend on the
branch of an option that you may switch off: it goes with the option, and migrations stop.
"""

revision = "app_0001"
down_revision = None
branch_labels = ("app",)
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
