"""Which routes the service answers, and under which version."""

from fastapi import FastAPI
from starlette.middleware import Middleware

from app.auth import api as auth
from app.features.audit import api as audit
from app.features.orders import api as orders
from app.transport import docs
from app.transport.versioning import VersionMiddleware
from app.transport.versions import VERSIONS

# Searched in this order for each request: what is called most stands first.
VERSIONED = {
    "v1": (
        orders.router,
        auth.router,
        audit.router,
        # Your own routers go below this line.
    ),
}


def protocol_middleware() -> list[Middleware]:
    """What REST adds to the stack."""
    return [Middleware(VersionMiddleware, versions=VERSIONS)]


def include_routes(app: FastAPI, *, with_docs: bool) -> None:
    """Mount every version's routers under its internal prefix, and the unversioned ones."""
    for version, routers in VERSIONED.items():
        for router in routers:
            app.include_router(router, prefix=f"/{version}")
    app.include_router(auth.public_router)
    if with_docs:
        docs.install(app)
