"""The command of the protocol: export of the contract."""

import json

import typer

from app.bootstrap import build_service
from app.settings import Settings
from app.transport.app import create_app
from app.transport.docs import openapi


def register(cli: typer.Typer) -> None:
    """Add `openapi`."""

    @cli.command("openapi")
    def export_openapi() -> None:
        """Print the OpenAPI document."""
        app = create_app(build_service(Settings.load()))
        typer.echo(json.dumps(openapi(app), indent=2, ensure_ascii=False))
