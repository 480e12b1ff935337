"""`app migrate`: the schema of the database."""

import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer
from alembic import command
from alembic.config import Config
from alembic.util import CommandError

migrate = typer.Typer(no_args_is_help=True, help="Change the schema of the database.")
PrintSql = Annotated[bool, typer.Option("--sql", help="Print the SQL instead of running it.")]


def register(cli: typer.Typer) -> None:
    """Add the commands."""
    cli.add_typer(migrate, name="migrate")


@migrate.command()
def upgrade(revision: Annotated[str, typer.Argument()] = "heads", sql: PrintSql = False) -> None:
    """Bring the schema up to date, or to a revision. Safe to run twice at the same time."""
    _run(command.upgrade, revision, sql=sql)


@migrate.command()
def downgrade(revision: str, sql: PrintSql = False) -> None:
    """Take the schema back: `orders@-1` by one revision of a branch, `base` to nothing."""
    _run(command.downgrade, revision, sql=sql)


@migrate.command()
def current(
    check: Annotated[
        bool, typer.Option("--check", help="Fail unless the schema is up to date.")
    ] = False,
) -> None:
    """Show the revisions that the database is at."""
    _run(command.current, check_heads=check)


def _run(run: Callable[..., None], *arguments: Any, **options: Any) -> None:
    try:
        run(Config("alembic.ini", stdout=sys.stdout), *arguments, **options)
    except CommandError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(1)
