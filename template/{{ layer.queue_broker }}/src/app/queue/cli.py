"""The commands of the queue."""

import typer


def register(cli: typer.Typer) -> None:
    """Add `worker` and `queue dead list|replay`."""
