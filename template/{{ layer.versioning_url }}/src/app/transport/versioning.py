"""The version of a request is the first segment of its path: `/v1/orders`."""

from collections.abc import Mapping
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import AppError, ErrorCode
from app.http.errors import error_response
from app.platform import metrics
from app.transport.versions import ApiVersion, VersionState


def public_path(internal: str) -> str:
    """The path as clients write it, from the path as it is routed."""
    return internal


def describe_version(operation: dict[str, Any]) -> None:
    """Add what the OpenAPI document says of versions to an operation: its path says it all."""


class VersionMiddleware:
    """Answers for the versions that are gone, and marks the responses of deprecated ones."""

    def __init__(self, app: ASGIApp, versions: Mapping[str, ApiVersion]) -> None:
        self._app = app
        requests = metrics.api_version_requests
        self._versions = {name: (each, requests.labels(name)) for name, each in versions.items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        known = scope["type"] == "http" and self._versions.get(scope["path"].split("/", 2)[1])
        if not known:
            await self._app(scope, receive, send)
            return
        version, requests = known
        requests.inc()
        if version.state is VersionState.LIVE:
            await self._app(scope, receive, send)
            return
        extra = version.headers()
        if version.state is VersionState.GONE:
            await error_response(AppError(ErrorCode.GONE, headers=extra))(scope, receive, send)
            return

        async def send_marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in extra.items():
                    headers.append(name, value)
            await send(message)

        await self._app(scope, receive, send_marked)
