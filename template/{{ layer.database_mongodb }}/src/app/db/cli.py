"""`app migrate`: the schema of the database."""

import asyncio
import sys
from collections.abc import Coroutine
from typing import Annotated, Any, NoReturn, TypeVar

import typer

T = TypeVar("T")
migrate = typer.Typer(no_args_is_help=True, help="Change the schema of the database.")


def register(cli: typer.Typer) -> None:
    """Add the commands."""
    cli.add_typer(migrate, name="migrate")


# The modules are imported by the commands, since a service that serves has no use for them.


@migrate.command()
def upgrade(
    revision: Annotated[str, typer.Argument()] = "heads",
    role: Annotated[
        str | None,
        typer.Option(help="Let this role serve: it can add audit events, but not change them."),
    ] = None,
) -> None:
    """Bring the schema up to date, or to a revision. Safe to run twice at the same time."""
    from app.db import migrations, roles
    from app.db.settings import DatabaseSettings

    settings = DatabaseSettings.load()
    _run(migrations.upgrade(settings, revision))
    if role is not None:
        _run(roles.renew(settings, role))


@migrate.command()
def downgrade(revision: str) -> None:
    """Take the schema back: `orders@-1` by one revision of a branch, `base` to nothing."""
    from app.db import migrations
    from app.db.settings import DatabaseSettings

    _run(migrations.downgrade(DatabaseSettings.load(), revision))


@migrate.command()
def current(
    check: Annotated[
        bool, typer.Option("--check", help="Fail unless the schema is up to date.")
    ] = False,
) -> None:
    """Show the revisions that the database is at."""
    from app.db import migrations
    from app.db.settings import DatabaseSettings

    latest, missing = _run(migrations.current(DatabaseSettings.load()))
    behind = {script.branch for script in missing}
    for script in latest:
        typer.echo(f"{script.revision}{'' if script.branch in behind else ' (head)'}")
    if check and missing:
        _fail("The schema is not up to date")


def _run(command: Coroutine[Any, Any, T]) -> T:
    from app.db.scripts import MigrationError

    try:
        return asyncio.run(command)
    except MigrationError as error:
        _fail(str(error))


def _fail(message: str) -> NoReturn:
    typer.echo(f"error: {message}", err=True)
    sys.exit(1)
