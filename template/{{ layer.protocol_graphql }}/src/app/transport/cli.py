"""The commands of the protocol: export of the contract, and of what stays HTTP beside it."""

import json

import typer
from fastapi import FastAPI

from app.transport.openapi import openapi
from app.transport.routes import include_http
from app.transport.schema import SCHEMA


def register(cli: typer.Typer) -> None:
    """Add `schema` and `openapi`."""

    @cli.command("schema")
    def export_schema() -> None:
        """Print the schema in GraphQL's schema definition language."""
        typer.echo(SCHEMA.as_str())

    @cli.command("openapi")
    def export_openapi() -> None:
        """Print the OpenAPI document of what stays HTTP."""
        app = FastAPI()
        include_http(app)
        typer.echo(json.dumps(openapi(app), indent=2, ensure_ascii=False))
