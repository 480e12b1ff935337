"""`app migrate`: the schema of the database."""

from typing import Annotated

import typer

migrate = typer.Typer(no_args_is_help=True, help="Change the schema of the database.")
PrintSql = Annotated[bool, typer.Option("--sql", help="Print the SQL instead of running it.")]


def register(cli: typer.Typer) -> None:
    """Add the commands."""
    cli.add_typer(migrate, name="migrate")


# Alembic is imported by the commands, since a service that serves has no use for it.


@migrate.command()
def upgrade(revision: Annotated[str, typer.Argument()] = "heads", sql: PrintSql = False) -> None:
    """Bring the schema up to date, or to a revision. Safe to run twice at the same time."""
    from app.db import migrations

    migrations.run(migrations.upgrade, revision, sql=sql)


@migrate.command()
def downgrade(revision: str, sql: PrintSql = False) -> None:
    """Take the schema back: `orders@-1` by one revision of a branch, `base` to nothing."""
    from app.db import migrations

    migrations.run(migrations.downgrade, revision, sql=sql)


@migrate.command()
def current(
    check: Annotated[
        bool, typer.Option("--check", help="Fail unless the schema is up to date.")
    ] = False,
) -> None:
    """Show the revisions that the database is at."""
    from app.db import migrations

    migrations.run(migrations.current)
    if check:
        migrations.run(migrations.refuse_outdated)
