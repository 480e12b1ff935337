"""The command of the protocol: export of the contract."""

import typer

from app.transport.schema import SCHEMA


def register(cli: typer.Typer) -> None:
    """Add `schema`."""

    @cli.command("schema")
    def export_schema() -> None:
        """Print the schema in GraphQL's schema definition language."""
        typer.echo(SCHEMA.as_str())
