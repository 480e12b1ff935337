"""Who is calling, whether too often, and whether they may."""

from typing import Any

from app.auth.access import AUTHENTICATED, PUBLIC
from app.auth.authentication import Authenticator, AuthRequest
from app.auth.authenticator import CREDENTIAL_HEADERS
from app.auth.principal import Permission
from app.errors import AppError, ErrorCode
from app.platform.context import context
from app.platform.rate_limit import RateLimiter
from app.transport.calls import Behaviour, Call, Rpc, caller

_SINGLE = (*CREDENTIAL_HEADERS, "idempotency-key")


class IdentityInterceptor:
    """Puts the caller into the context and charges them with the call.

    Missing or bad credentials are refused by the method that needs some: see `AccessInterceptor`.
    """

    def __init__(self, authenticator: Authenticator, rate_limiter: RateLimiter) -> None:
        self._authenticator = authenticator
        self._rate_limiter = rate_limiter

    def wrap(self, inner: Behaviour, rpc: Rpc) -> Behaviour:  # noqa: ARG002
        async def identify(message: Any, call: Call) -> bytes | None:
            current = context()
            ambiguous = _repeated(call)
            if ambiguous is None:
                try:
                    current.principal = await self._authenticator.authenticate(auth_request(call))
                except AppError as error:
                    call.authentication_error = error
            decision = await self._rate_limiter.check(current.principal, current.client_address)
            if not decision.allowed:
                raise decision.error()
            call.trailers |= {name.lower(): value for name, value in decision.headers().items()}
            if ambiguous is not None:
                raise ambiguous
            return await inner(message, call)

        return identify


class AccessInterceptor:
    """Refuses callers who may not call the method."""

    def wrap(self, inner: Behaviour, rpc: Rpc) -> Behaviour:
        if rpc.access == PUBLIC:
            return inner
        permission = None if rpc.access == AUTHENTICATED else Permission(rpc.access)

        async def authorize(message: Any, call: Call) -> bytes | None:
            principal = caller()
            if permission is not None:
                principal.require(permission)
            return await inner(message, call)

        return authorize


def auth_request(call: Call) -> AuthRequest:
    """The part of a call that may carry credentials."""
    return AuthRequest("POST", call.metadata)


def _repeated(call: Call) -> AppError | None:
    """What is wrong with metadata that says two things; nothing where it says one."""
    metadata = call.context.invocation_metadata() or ()
    names = [name for name, _ in metadata]
    for name in _SINGLE:
        if names.count(name) > 1:
            return AppError(ErrorCode.MALFORMED_REQUEST, f"The metadata {name} is repeated")
    return None
