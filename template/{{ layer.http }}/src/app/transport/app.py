"""The ASGI application: routes, middleware and error handling around the service."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from app.bootstrap import Service
from app.http.middleware import middleware_stack
from app.http.operations import operations_routes
from app.project import DESCRIPTION, TITLE, VERSION
from app.settings import Settings
from app.transport.access import AccessRoute
from app.transport.errors import install_error_handlers
from app.transport.routes import include_routes, protocol_middleware


def create_app(service: Service) -> FastAPI:
    """The application; its lifespan starts and ends the service."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with service.running():
            yield

    app = FastAPI(
        title=TITLE,
        description=DESCRIPTION,
        version=VERSION,
        lifespan=lifespan,
        openapi_url=None,
        redirect_slashes=False,
        middleware=middleware_stack(service, protocol_middleware()),
        routes=operations_routes(service),
        # The middleware makes the one span and the metrics of a request, alike for all protocols.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.router.route_class = AccessRoute
    app.state.service = service
    install_error_handlers(app)
    include_routes(app, with_docs=_serves_docs(service.settings))
    return app


def _serves_docs(settings: Settings) -> bool:
    """Outside of production, unless set."""
    enabled = settings.transport.http_docs_enabled
    return not settings.production if enabled is None else enabled
