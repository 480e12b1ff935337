"""Who is calling, and whether too often."""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from app.auth.authentication import Authenticator, AuthRequest
from app.auth.principal import Principal
from app.errors import AppError, ErrorCode
from app.http.errors import error_response
from app.http.headers import RESPONSE_HEADERS
from app.http.paths import OPERATIONS
from app.platform.context import context
from app.platform.rate_limit import RateLimiter

_ERROR = "authentication_error"


class IdentityMiddleware:
    """Puts the caller into the context and charges them with the request.

    Missing or bad credentials are refused by the endpoint that needs some: see
    `require_principal`.
    """

    def __init__(
        self, app: ASGIApp, authenticator: Authenticator, rate_limiter: RateLimiter
    ) -> None:
        self._app = app
        self._authenticator = authenticator
        self._rate_limiter = rate_limiter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in OPERATIONS:
            await self._app(scope, receive, send)
            return
        state = scope["state"]
        current = context()
        request = AuthRequest(
            scope["method"], Headers(scope=scope), scope["query_string"].decode("latin-1")
        )
        try:
            current.principal = await self._authenticator.authenticate(request)
        except AppError as error:
            state[_ERROR] = error
        decision = await self._rate_limiter.check(current.principal, current.client_address)
        if not decision.allowed:
            await error_response(decision.error())(scope, receive, send)
            return
        state[RESPONSE_HEADERS] = [
            (name.lower().encode(), value.encode()) for name, value in decision.headers().items()
        ]
        await self._app(scope, receive, send)


def require_principal(scope: Scope) -> Principal:
    """The caller of the request; raises what was wrong with the credentials, or UNAUTHENTICATED."""
    principal = context().principal
    if principal is None:
        raise scope["state"].get(_ERROR) or AppError(ErrorCode.UNAUTHENTICATED)
    return principal
