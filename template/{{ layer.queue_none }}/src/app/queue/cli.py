"""The commands of the queue: without a broker there are none."""

import typer


def register(cli: typer.Typer) -> None:
    """Add nothing."""
