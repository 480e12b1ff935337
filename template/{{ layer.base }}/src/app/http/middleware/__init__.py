"""What every request passes before its endpoint, outermost first. All of it is pure ASGI."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from starlette.middleware import Middleware

from app.http.middleware.failures import FailureMiddleware
from app.http.middleware.hosts import HostMiddleware
from app.http.middleware.identity import IdentityMiddleware
from app.http.middleware.limits import (
    BodyLimitMiddleware,
    DeadlineMiddleware,
    InFlightMiddleware,
)
from app.http.middleware.origins import OriginMiddleware
from app.http.middleware.request import RequestMiddleware
from app.http.middleware.strictness import StrictnessMiddleware

if TYPE_CHECKING:
    from app.bootstrap import Service


def middleware_stack(service: "Service", protocol: Sequence[Middleware] = ()) -> list[Middleware]:
    """The stack of any HTTP application of the service, to be given to Starlette or FastAPI.

    What the `protocol` adds stands where every response passes it, refusals too.
    """
    http = service.settings.http
    origins = Middleware(
        OriginMiddleware, origins=http.cors_origins, allow_credentials=http.cors_allow_credentials
    )
    return [
        Middleware(
            RequestMiddleware,
            trusted_proxies=http.trusted_proxies,
            production=service.settings.production,
            health=service.health,
        ),
        *protocol,
        Middleware(HostMiddleware, allowed_hosts=http.allowed_hosts),
        *([origins] if http.cors_origins else []),
        Middleware(FailureMiddleware, debug=http.http_debug),
        Middleware(StrictnessMiddleware),
        Middleware(InFlightMiddleware, limit=http.http_max_in_flight),
        Middleware(DeadlineMiddleware, seconds=http.http_request_timeout_seconds),
        Middleware(BodyLimitMiddleware, limit=http.http_max_body_bytes),
        Middleware(
            IdentityMiddleware,
            authenticator=service.auth.authenticator,
            rate_limiter=service.rate_limiter,
        ),
    ]
