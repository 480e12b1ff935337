"""The command of the protocol: export of the contract."""

import json

import typer
from fastapi import FastAPI

from app.transport.openapi import openapi
from app.transport.routes import include_routes


def register(cli: typer.Typer) -> None:
    """Add `openapi`."""

    @cli.command("openapi")
    def export_openapi() -> None:
        """Print the OpenAPI document."""
        app = FastAPI()
        include_routes(app, with_docs=False)
        typer.echo(json.dumps(openapi(app), indent=2, ensure_ascii=False))
