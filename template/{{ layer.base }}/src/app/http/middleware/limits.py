"""How many requests at once, for how long, and how big."""

import asyncio

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import AppError, ErrorCode
from app.http.errors import error_response
from app.http.paths import OPERATIONS
from app.platform.context import context
from app.platform.metrics import http_active_requests, http_refused

log = structlog.get_logger()

_DRAIN_SECONDS = 1.0
_DRAIN_BYTES = 4 * 1024 * 1024


class InFlightMiddleware:
    """Refuses what comes above the limit; the operations endpoints always answer."""

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self._app = app
        self._limit = limit
        self._in_flight = 0
        http_active_requests.set_function(lambda: self._in_flight)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in OPERATIONS:
            await self._app(scope, receive, send)
            return
        if self._in_flight >= self._limit:
            http_refused.labels("in_flight").inc()
            error = AppError(ErrorCode.OVERLOADED, retry_after=1)
            await error_response(error)(scope, receive, send)
            return
        self._in_flight += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._in_flight -= 1


class DeadlineMiddleware:
    """Cancels a request over its time budget, and all that it waits for."""

    def __init__(self, app: ASGIApp, seconds: float) -> None:
        self._app = app
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def send_noted(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        deadline = asyncio.get_running_loop().time() + self._seconds
        context().deadline = deadline
        budget = asyncio.timeout_at(deadline)
        try:
            async with budget:
                await self._app(scope, receive, send_noted)
        except Exception:
            # Whatever the cancelled work made of it.
            if not budget.expired():
                raise
            http_refused.labels("deadline").inc()
            if started:
                log.warning("response cut off at its deadline")
            else:
                # Closed, since part of the body may still be on its way.
                error = AppError(ErrorCode.DEADLINE_EXCEEDED, headers={"Connection": "close"})
                await error_response(error)(scope, receive, send)


class BodyLimitMiddleware:
    """Refuses a body over the limit before it is read whole.

    It is refused when the endpoint asks for it, so that a missing credential comes first.
    """

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        length = int(headers.get(b"content-length", 0))
        if length <= self._limit and b"transfer-encoding" not in headers:
            await self._app(scope, receive, send)
            return
        body = _LimitedBody(self._limit, length, receive, send)
        try:
            await self._app(scope, body.receive, body.send)
        except Exception:
            # Frameworks wrap what is raised while a body is read.
            if not body.exceeded:
                raise
        if body.exceeded and not body.answered:
            http_refused.labels("body_size").inc()
            await _refuse_body(scope, receive, send, await_rest=b"expect" not in headers)


class _LimitedBody:
    """Counts a body, and holds back whatever is answered once it was too big."""

    def __init__(self, limit: int, length: int, receive: Receive, send: Send) -> None:
        self._limit = limit
        self._declared_too_big = length > limit
        self._received = 0
        self._receive = receive
        self._send = send
        self.exceeded = False
        self.answered = False

    async def receive(self) -> Message:
        if not self._declared_too_big:
            message = await self._receive()
            self._received += len(message.get("body", b""))
            if self._received <= self._limit:
                return message
        self.exceeded = True
        raise AppError(ErrorCode.PAYLOAD_TOO_LARGE)

    async def send(self, message: Message) -> None:
        if self.exceeded:
            return
        if message["type"] == "http.response.start":
            self.answered = True
            if self._declared_too_big:
                # Nobody will read it.
                message["headers"] = [*message["headers"], (b"connection", b"close")]
        await self._send(message)


async def _refuse_body(scope: Scope, receive: Receive, send: Send, *, await_rest: bool) -> None:
    """Answer 413 whole, and only then close.

    What the client still sends is thrown away for a while: a connection closed with unread data
    is reset, and the answer is lost on the way.
    """

    async def send_open(message: Message) -> None:
        await send({**message, "more_body": True} if "body" in message else message)

    error = AppError(ErrorCode.PAYLOAD_TOO_LARGE, headers={"Connection": "close"})
    await error_response(error)(scope, receive, send_open)
    if await_rest:
        try:
            async with asyncio.timeout(_DRAIN_SECONDS):
                drained = 0
                while drained < _DRAIN_BYTES:
                    message = await receive()
                    if not message.get("more_body", False):
                        break
                    drained += len(message["body"])
        except TimeoutError:
            pass
    await send({"type": "http.response.body", "body": b"", "more_body": False})
