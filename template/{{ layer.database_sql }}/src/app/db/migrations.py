"""What `app migrate` asks of Alembic."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import typer
from alembic.command import current, downgrade, upgrade
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import RevisionStep
from alembic.script import ScriptDirectory
from alembic.util import CommandError, to_tuple

_CONFIG = "alembic.ini"

__all__ = ["current", "downgrade", "refuse_outdated", "run", "upgrade"]


def refuse_outdated(config: Config) -> None:
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


def run(command: Callable[..., None], *arguments: Any, **options: Any) -> None:
    """Run a command of Alembic, whose own errors are one line."""
    if not Path(_CONFIG).exists():
        typer.echo(f"error: {_CONFIG} is not here: run this in the root of the project", err=True)
        sys.exit(1)
    config = Config(_CONFIG, stdout=sys.stdout)
    try:
        command(config, *arguments, **options)
    except (CommandError, KeyError) as error:
        fault = str(error) if isinstance(error, CommandError) else _unmet_dependency(config)
        if not fault:
            raise
        typer.echo(f"error: {fault}", err=True)
        sys.exit(1)


def _unmet_dependency(config: Config) -> str:
    """What to say of a revision that depends on a missing one, where Alembic raises KeyError."""
    scripts = list(ScriptDirectory.from_config(config)._load_revisions())  # noqa: SLF001
    known = {name for script in scripts for name in (script.revision, *script.branch_labels)}
    for script in scripts:
        for needed in to_tuple(script.dependencies, ()):
            if needed not in known:
                return (
                    f"revision {script.revision} depends on {needed}, which is not there: the "
                    "option that brings it is switched off. Switch it on again, or remove the "
                    "dependency, and what needs it, from the revision"
                )
    return ""
