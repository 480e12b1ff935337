"""The version of a request is in its `Accept` header: `application/vnd.<name>.v1+json`.

Routes are mounted under an internal prefix for each version, which is no address of its own:
the middleware puts the prefix before the path once it knows the version.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import AppError, ErrorCode
from app.http.middleware.strictness import REFUSAL
from app.platform import metrics
from app.project import NAME
from app.transport.versions import CURRENT, ApiVersion, VersionState

# The first segments of paths.
UNVERSIONED = frozenset({"health", "metrics", ".well-known", "docs", "openapi.json"})
JSON = "application/json"
_ANY = (JSON, "application/*", "*/*")
_MEDIA_TYPE = re.compile(rf"application/vnd\.{re.escape(NAME.lower())}\.(\w+)\+json")
_QUALITY = re.compile(r"[01](\.[0-9]{0,3})?")

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
    """Routes a request to the version it accepts, and marks every response.

    The current version answers where none is asked for.
    """

    def __init__(self, app: ASGIApp, versions: Mapping[str, ApiVersion]) -> None:
        self._app = app
        requests = metrics.api_version_requests
        self._versions = {name: (each, requests.labels(name)) for name, each in versions.items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or _is_unversioned(scope["path"]):
            await self._app(scope, receive, send)
            return
        name, media_type = self._choose(",".join(Headers(scope=scope).getlist("accept")))
        marks = {"Vary": "Accept"}
        if name:
            version, requests = self._versions[name]
            requests.inc()
            marks |= version.headers()
            if version.state is VersionState.GONE:
                scope["state"][REFUSAL] = AppError(ErrorCode.GONE)
            # In place, so that the outer middleware sees the route that the router finds.
            scope["raw_path"] = f"/{name}".encode() + scope["raw_path"]
            scope["path"] = f"/{name}{scope['path']}"
        else:
            message = f"The versions offered are: {', '.join(self._versions)}"
            scope["state"][REFUSAL] = AppError(ErrorCode.NOT_ACCEPTABLE, message)

        async def send_marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for header, value in marks.items():
                    headers.append(header, value)
                if message["status"] < 400 and headers.get("content-type") == JSON:
                    headers["Content-Type"] = media_type
            await send(message)

        await self._app(scope, receive, send_marked)

    def _choose(self, accept: str) -> tuple[str, str]:
        """The version to answer with and its media type; an empty version where none is offered."""
        if not accept.strip():
            return CURRENT, JSON
        for version, media_type in _wanted(accept):
            if not version:
                return CURRENT, JSON
            if version in self._versions:
                return version, media_type
        return "", JSON


def _is_unversioned(path: str) -> bool:
    return path.removeprefix("/").partition("/")[0] in UNVERSIONED


@lru_cache(maxsize=256)
def _wanted(accept: str) -> Sequence[tuple[str, str]]:
    """The versions that an `Accept` header asks for, and their media types; the dearest first.

    An empty version is any: the header takes plain JSON as well.
    """
    wanted = []
    for part in accept.lower().split(","):
        media_type, *parameters = (piece.strip() for piece in part.split(";"))
        versioned = _MEDIA_TYPE.fullmatch(media_type)
        if versioned or media_type in _ANY:
            version = versioned[1] if versioned else ""
            wanted.append((_quality(parameters), bool(versioned), version, media_type))
    # Of two that are wanted alike, the more specific one comes first.
    wanted.sort(key=itemgetter(0, 1), reverse=True)
    return tuple((version, media_type) for quality, _, version, media_type in wanted if quality > 0)


def _quality(parameters: Iterable[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            return float(value) if _QUALITY.fullmatch(value.strip()) else 0.0
    return 1.0
