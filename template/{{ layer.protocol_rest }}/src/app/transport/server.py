"""Serving the application."""

from app.bootstrap import build_service
from app.http.server import run_server
from app.settings import Settings
from app.transport.app import create_app


def serve(settings: Settings) -> None:
    """Serve until a signal ends the process."""
    service = build_service(settings)
    app = create_app(service)
    run_server(app, settings.http, health=service.health, production=settings.production)
