"""The version of a request is in its `Accept` header: `application/vnd.<name>.v1+json`.

Routes are mounted under an internal prefix for each version, which is no address of its own:
the middleware puts the prefix before the path once it knows the version.
"""

import re
from collections.abc import Mapping
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import AppError, ErrorCode
from app.http.errors import error_response
from app.platform import metrics
from app.project import NAME
from app.transport.versions import CURRENT, ApiVersion, VersionState

UNVERSIONED = ("/health", "/metrics", "/.well-known/", "/docs", "/openapi.json")
_MEDIA_TYPE = re.compile(rf"application/vnd\.{re.escape(NAME)}\.(\w+)\+json", re.IGNORECASE)

_ACCEPT: dict[str, Any] = {
    "name": "Accept",
    "in": "header",
    "description": "The version; without it the current one answers",
    "schema": {"type": "string", "maxLength": 256},
    "example": f"application/vnd.{NAME}.{CURRENT}+json",
}


def public_path(internal: str) -> str:
    """The path as clients write it, from the path as it is routed: `/orders` for `/v1/orders`."""
    return "/" + internal.split("/", 2)[2]


def describe_version(operation: dict[str, Any]) -> None:
    """Add to an operation what the OpenAPI document says of versions."""
    operation.setdefault("parameters", []).append(_ACCEPT)
    for status, response in operation["responses"].items():
        content = response.get("content", {})
        if status < "400" and "application/json" in content:
            content[_ACCEPT["example"]] = content["application/json"]


class VersionMiddleware:
    """Routes a request to the version it accepts, and marks deprecated ones.

    Without a versioned media type the current version answers.
    """

    def __init__(self, app: ASGIApp, versions: Mapping[str, ApiVersion]) -> None:
        self._app = app
        requests = metrics.api_version_requests
        self._versions = {name: (each, requests.labels(name)) for name, each in versions.items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(UNVERSIONED):
            await self._app(scope, receive, send)
            return
        asked = _MEDIA_TYPE.search(Headers(scope=scope).get("accept", ""))
        name = asked[1].lower() if asked else CURRENT
        extra = {"Vary": "Accept"}
        refusal = None
        if name not in self._versions:
            offered = ", ".join(self._versions)
            refusal = AppError(ErrorCode.NOT_ACCEPTABLE, f"The versions offered are: {offered}")
        elif scope["path"].split("/", 2)[1] in self._versions:
            refusal = AppError(ErrorCode.NOT_FOUND)
        else:
            version, requests = self._versions[name]
            requests.inc()
            extra |= version.headers()
            if version.state is VersionState.GONE:
                refusal = AppError(ErrorCode.GONE)
        # In place, so that the outer middleware sees the route that the router finds.
        scope["path"] = f"/{name}{scope['path']}"
        scope["raw_path"] = scope["path"].encode("utf-8", "surrogateescape")

        async def send_marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for header, value in extra.items():
                    headers.append(header, value)
                if asked and message["status"] < 400:
                    headers["Content-Type"] = asked[0].lower()
            await send(message)

        if refusal:
            await error_response(refusal)(scope, receive, send_marked)
            return
        await self._app(scope, receive, send_marked)
