"""The outermost layer: what is known of a request, and what is told about it."""

from collections.abc import Iterable
from time import perf_counter
from typing import Any

import structlog
from opentelemetry.trace import Span, SpanKind, StatusCode
from prometheus_client import Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.http.forwarding import Network, forwarded
from app.http.headers import RESPONSE_HEADERS, security_headers
from app.http.paths import OPERATIONS
from app.http.routing import route_template
from app.platform.context import RequestContext, accept_request_id, reset_context, set_context
from app.platform.health import Health
from app.platform.logging import redacted
from app.platform.metrics import http_request_duration
from app.platform.telemetry import span

log = structlog.get_logger()

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_CLIENT_CLOSED_REQUEST = 499
_MAX_LOGGED_PATH = 512


class RequestMiddleware:
    """Gives a request its context, span, log line and metrics, and its response the headers."""

    def __init__(
        self,
        app: ASGIApp,
        trusted_proxies: tuple[Network, ...],
        health: Health,
        *,
        production: bool,
    ) -> None:
        self._app = app
        self._trusted_proxies = trusted_proxies
        self._health = health
        self._headers = security_headers(hsts=production)
        self._durations: dict[tuple[str, str, int], Histogram] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        current = RequestContext(
            request_id=accept_request_id(_text(headers, b"x-request-id")),
            client_address=self._believe_proxies(scope),
            method=scope.get("method", "GET"),
        )
        token = set_context(current)
        try:
            with span(
                current.method if current.method in _METHODS else "HTTP",
                kind=SpanKind.SERVER,
                traceparent=_text(headers, b"traceparent"),
                tracestate=_text(headers, b"tracestate"),
                recorded=scope["path"] not in OPERATIONS,
            ) as entry:
                await self._answer(scope, receive, send, current, entry)
        finally:
            reset_context(token)

    def _believe_proxies(self, scope: Scope) -> str:
        """The caller's address; `client` and `scheme` become what a trusted proxy says of them."""
        peer: str = scope["client"][0] if scope.get("client") else ""
        if not self._trusted_proxies:
            return peer
        address, scheme = forwarded(peer, scope["headers"], self._trusted_proxies)
        if address != peer:
            scope["client"] = (address, 0)
        if scheme and scope["type"] == "http":
            scope["scheme"] = scheme
        return address

    async def _answer(
        self, scope: Scope, receive: Receive, send: Send, current: RequestContext, entry: Span
    ) -> None:
        began = perf_counter()
        # As it came in: versioning may rewrite the path in the scope.
        path = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1")
        path = path[:_MAX_LOGGED_PATH]
        if entry.is_recording():
            entry.set_attribute("url.path", redacted(scope["path"]))
        status = 0
        log.debug("request started", path=path)

        async def send_completed(message: Message) -> None:
            nonlocal status
            if message["type"].endswith("http.response.start"):
                status = message["status"]
                message["headers"] = self._complete(message["headers"], scope, current)
            elif message["type"] == "websocket.accept":
                status = 101
                request_id = (b"x-request-id", current.request_id.encode())
                message["headers"] = [*message["headers"], request_id]
            elif message["type"] == "websocket.close":
                status = status or 403
            await send(message)

        scope.setdefault("state", {})
        if current.method == "HEAD":
            # No router is asked to know HEAD: the GET is answered, and its body left out.
            scope, send = {**scope, "method": "GET"}, _without_body(send)
        try:
            await self._app(scope, receive, send_completed)
        finally:
            current.route = current.route or route_template(scope)
            duration = perf_counter() - began
            self._record(scope, status or _CLIENT_CLOSED_REQUEST, duration, current, entry, path)

    def _complete(
        self, headers: Iterable[tuple[bytes, bytes]], scope: Scope, current: RequestContext
    ) -> list[tuple[bytes, bytes]]:
        completed = [*headers, (b"x-request-id", current.request_id.encode())]
        present = {name for name, _ in completed}
        for added in (scope["state"].get(RESPONSE_HEADERS, ()), self._headers):
            completed += [header for header in added if header[0] not in present]
        if self._health.draining and b"connection" not in present:
            # The next request of this client should reach an instance that stays.
            completed.append((b"connection", b"close"))
        return completed

    def _record(
        self,
        scope: Scope,
        status: int,
        seconds: float,
        current: RequestContext,
        entry: Span,
        path: str,
    ) -> None:
        method = current.method if current.method in _METHODS else "_OTHER"
        if scope["type"] == "http":
            key = (method, current.route, status)
            duration = self._durations.get(key)
            if duration is None:
                duration = http_request_duration.labels(method, current.route, status)
                self._durations[key] = duration
            duration.observe(seconds)
        if entry.is_recording():
            entry.update_name(f"{method} {current.route}".rstrip())
            entry.set_attributes(_span_attributes(scope, method, status, current))
            if status >= 500:
                entry.set_status(StatusCode.ERROR)
        log.info("request", status=status, duration_ms=round(seconds * 1000, 3), path=path)


def _text(headers: dict[bytes, bytes], name: bytes) -> str:
    return headers.get(name, b"").decode("latin-1")


def _without_body(send: Send) -> Send:
    async def send_head(message: Message) -> None:
        if message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await send(message)

    return send_head


def _span_attributes(
    scope: Scope, method: str, status: int, current: RequestContext
) -> dict[str, Any]:
    attributes = {
        "http.request.method": method,
        "http.response.status_code": status,
        "url.scheme": scope["scheme"],
        "app.request_id": current.request_id,
    }
    if current.route:
        attributes["http.route"] = current.route
    if status >= 500:
        attributes["error.type"] = str(status)
    return attributes
