"""The version of a request is the first segment of its path: `/v1/orders`."""

from collections.abc import Mapping
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import AppError, ErrorCode
from app.http.middleware.strictness import REFUSAL
from app.platform import metrics
from app.transport.versions import ApiVersion, VersionState


def public_path(internal: str) -> str:
    """The path as clients write it, from the path as it is routed."""
    return internal


def describe_version(operation: dict[str, Any]) -> None:
    """Add what the OpenAPI document says of versions to an operation: its path says it all."""


class VersionMiddleware:
    """Counts the requests of each version, refuses those of gone ones, and marks every response."""

    def __init__(self, app: ASGIApp, versions: Mapping[str, ApiVersion]) -> None:
        self._app = app
        requests = metrics.api_version_requests
        self._versions = {name: (each, requests.labels(name)) for name, each in versions.items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        known = None
        if scope["type"] == "http":
            known = self._versions.get(scope["path"][1:].partition("/")[0])
        if known is None:
            await self._app(scope, receive, send)
            return
        version, requests = known
        requests.inc()
        if version.state is VersionState.LIVE:
            await self._app(scope, receive, send)
            return
        if version.state is VersionState.GONE:
            scope["state"][REFUSAL] = AppError(ErrorCode.GONE)
        marks = version.headers()

        async def send_marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in marks.items():
                    headers.append(name, value)
            await send(message)

        await self._app(scope, receive, send_marked)
