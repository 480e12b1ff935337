"""Serving the application."""

from app.bootstrap import build_service
from app.http.server import run_server
from app.settings import Settings
from app.transport.app import create_app
from app.transport.socket_protocol import BoundedSocketProtocol
from app.transport.upgrades import SecureUpgradingProtocol, UpgradingProtocol

_PING_SECONDS = 20


def serve(settings: Settings) -> None:
    """Serve until a signal ends the process."""
    service = build_service(settings)
    app = create_app(service)
    run_server(
        app,
        settings.http,
        health=service.health,
        production=settings.production,
        http=SecureUpgradingProtocol if settings.production else UpgradingProtocol,
        ws=BoundedSocketProtocol,
        ws_max_size=settings.http.http_max_body_bytes,
        ws_ping_interval=_PING_SECONDS,
        ws_ping_timeout=_PING_SECONDS,
        # A small message could become a large one.
        ws_per_message_deflate=False,
    )
