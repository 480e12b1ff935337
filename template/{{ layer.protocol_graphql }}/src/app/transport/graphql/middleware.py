"""Errors of the layers around GraphQL, in the shape that its clients read."""

import json

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import AppError
from app.transport.graphql.errors import error_extensions
from app.transport.graphql.media import JSON, response_type

PATH = "/graphql"


class GraphQLErrorMiddleware:
    """Rewrites `{"error": …}` as `{"errors": […]}` where GraphQL was asked for."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != PATH:
            await self._app(scope, receive, send)
            return
        start: Message | None = None

        async def send_rewritten(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start" and _is_error(message):
                start = message
                return
            if start is not None:
                # Errors come with their bodies whole.
                body = _rewritten(message.get("body", b""))
                headers = MutableHeaders(scope=start)
                headers["Content-Type"] = f"{_media_type(scope)}; charset=utf-8"
                headers["Content-Length"] = str(len(body))
                await send(start)
                start, message = None, {**message, "body": body}
            await send(message)

        await self._app(scope, receive, send_rewritten)


def _is_error(start: Message) -> bool:
    headers = Headers(raw=start["headers"])
    return start["status"] >= 400 and headers.get("content-type") == JSON


def _rewritten(body: bytes) -> bytes:
    error = json.loads(body)
    entry = {"message": error["error"]["message"], "extensions": error_extensions(error)}
    return json.dumps({"errors": [entry]}, ensure_ascii=False).encode()


def _media_type(scope: Scope) -> str:
    try:
        return response_type(", ".join(Headers(scope=scope).getlist("accept")))
    except AppError:
        return JSON
