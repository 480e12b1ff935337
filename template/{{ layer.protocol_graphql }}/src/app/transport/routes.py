"""Which routes the service answers."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import APIRouter, FastAPI
from starlette.middleware import Middleware
from starlette.routing import WebSocketRoute

from app.auth import api as auth
from app.bootstrap import Service
from app.features.audit import api as audit
from app.http.routing import NamedRoute
from app.transport import docs
from app.transport.graphql.engine import Engine
from app.transport.graphql.http import GraphQLEndpoint
from app.transport.graphql.middleware import PATH, GraphQLErrorMiddleware
from app.transport.graphql.sockets import GraphQLSockets

# What stays HTTP, under the version with which its paths begin.
VERSIONED = {
    "v1": (
        auth.router,
        audit.router,
        # Your own routers go below this line.
    ),
}


def protocol_middleware() -> list[Middleware]:
    """What GraphQL adds to the stack."""
    return [Middleware(GraphQLErrorMiddleware)]


def include_routes(app: FastAPI, *, with_docs: bool) -> None:
    """Mount GraphQL, and what stays HTTP beside it."""
    service: Service = app.state.service
    engine = Engine(service, introspection=with_docs)
    endpoint = GraphQLEndpoint(service, engine)
    sockets = GraphQLSockets(service, engine)

    @asynccontextmanager
    async def watching(_app: object) -> AsyncIterator[None]:
        async with engine.watch.running():
            yield

    app.router.routes.append(NamedRoute(PATH, endpoint.respond, methods=["GET", "POST"]))
    app.router.routes.append(WebSocketRoute(PATH, sockets.serve))
    # A router for nothing but its lifespan, which becomes part of the application's.
    app.include_router(APIRouter(lifespan=watching))
    include_http(app)
    if with_docs:
        docs.install(app)


def include_http(app: FastAPI) -> None:
    """Mount what stays HTTP beside GraphQL."""
    for version, routers in VERSIONED.items():
        for router in routers:
            app.include_router(router, prefix=f"/{version}")
    app.include_router(auth.public_router)
