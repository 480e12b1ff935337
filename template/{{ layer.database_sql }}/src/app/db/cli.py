"""`app migrate`: the schema of the database."""

import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer
from alembic import command
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import RevisionStep
from alembic.script import ScriptDirectory
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
    _run(command.current)
    if check:
        _run(_refuse_outdated)


def _refuse_outdated(config: Config) -> None:
    """Raise CommandError where `upgrade` would do something.

    Alembic's own check fails once a revision depends on another branch.
    """
    script = ScriptDirectory.from_config(config)

    def compare(current: tuple[str, ...], _context: object) -> list[RevisionStep]:
        if set(script.get_revisions(current)) != set(script.get_revisions("heads")):
            raise CommandError("The schema is not up to date")
        return []

    with EnvironmentContext(config, script, fn=compare, dont_mutate=True):
        script.run_env()


def _run(run: Callable[..., None], *arguments: Any, **options: Any) -> None:
    try:
        run(Config("alembic.ini", stdout=sys.stdout), *arguments, **options)
    except CommandError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(1)
