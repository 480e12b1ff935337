"""The last resort: what nothing else answers is answered here, in the error shape."""

import asyncio
import traceback

import structlog
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import AppError, ErrorCode
from app.http.errors import error_response
from app.http.routing import route_template
from app.platform.context import context

log = structlog.get_logger()


class FailureMiddleware:
    """Answers 500 for an exception that nobody expected, and 503 when the server gives up.

    A response that is under way already stays incomplete, and the server closes the connection.
    Where `debug` is on, the error tells the traceback.
    """

    def __init__(self, app: ASGIApp, *, debug: bool) -> None:
        self._app = app
        self._debug = debug

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def send_noted(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        async def answer(error: AppError) -> None:
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1011})
            elif not started:
                await error_response(error)(scope, receive, send)

        try:
            await self._app(scope, receive, send_noted)
        except ClientDisconnect:
            log.debug("client disconnected")
        except asyncio.CancelledError:
            # The grace period is over.
            await answer(AppError(ErrorCode.OVERLOADED, "The service is stopping", retry_after=1))
            raise
        except Exception:
            context().route = route_template(scope)
            log.exception("unhandled exception")
            message = traceback.format_exc() if self._debug else None
            await answer(AppError(ErrorCode.INTERNAL_ERROR, message))
