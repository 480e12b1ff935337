"""Which host names the service answers to."""

from collections.abc import Sequence
from functools import lru_cache

from starlette.types import ASGIApp, Receive, Scope, Send

from app.errors import AppError, ErrorCode
from app.http.errors import error_response
from app.http.paths import OPERATIONS
from app.platform.metrics import http_refused


class HostMiddleware:
    """Refuses a request without exactly one `Host`, or for a host that is not the service's.

    Probes and scrapers address an instance rather than the service: the operations endpoints
    answer as well to the very address that the connection came in on.
    """

    def __init__(self, app: ASGIApp, allowed_hosts: Sequence[str]) -> None:
        self._app = app
        self._any = "*" in allowed_hosts
        self._names = frozenset(allowed_hosts)
        self._suffixes = tuple(name[1:] for name in allowed_hosts if name.startswith("*."))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or self._allows(scope):
            await self._app(scope, receive, send)
            return
        http_refused.labels("host").inc()
        error = AppError(ErrorCode.MALFORMED_REQUEST, "The Host header does not name this service")
        await error_response(error)(scope, receive, send)

    def _allows(self, scope: Scope) -> bool:
        hosts = [value for name, value in scope["headers"] if name == b"host"]
        if len(hosts) != 1:
            return False
        name = _host_name(hosts[0])
        if name in self._names or (name and self._any) or name.endswith(self._suffixes):
            return True
        server = scope.get("server")
        if scope["path"] not in OPERATIONS or not server:
            return False
        return name == (f"[{server[0]}]" if ":" in server[0] else server[0])


@lru_cache(maxsize=256)
def _host_name(host: bytes) -> str:
    """The name in lower case, without the port; empty where the header is malformed."""
    text = host.decode("latin-1").lower()
    if text.startswith("["):
        name, bracket, rest = text.partition("]")
        name += bracket
    else:
        name, colon, rest = text.partition(":")
        rest = colon + rest
    if rest and not (rest[0] == ":" and (rest[1:].isdecimal() or len(rest) == 1)):
        return ""
    return name
