"""The operations on a WebSocket: each a request of its own, answered while others go on."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import aclosing
from typing import Any
from uuid import uuid4

import structlog
from graphql import OperationType
from opentelemetry.trace import SpanKind
from starlette.websockets import WebSocketDisconnect

from app.auth.principal import Principal
from app.bootstrap import Service
from app.errors import AppError, ErrorCode
from app.platform.context import RequestContext, context, reset_context, set_context
from app.platform.telemetry import current_traceparent, span
from app.transport.graphql.engine import Answer, Engine, Prepared, refused
from app.transport.graphql.errors import RefusedError, record_refusal, refusal
from app.transport.graphql.metrics import graphql_subscriptions
from app.transport.graphql.requests import parse_request

log = structlog.get_logger()

Send = Callable[[Mapping[str, Any]], Awaitable[None]]
"""Sends one message to the client; raises `WebSocketDisconnect` where nobody is there any more."""


class SocketOperations:
    """The operations in progress on one socket, by the ids that its client gave them."""

    def __init__(self, service: Service, engine: Engine, send: Send) -> None:
        self._service = service
        self._most = service.settings.transport.graphql_max_operations_per_socket
        self._engine = engine
        self._send = send
        self._connection = context()
        self._traceparent = current_traceparent()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._subscribed: set[str] = set()
        self._draining = False

    def __contains__(self, operation_id: str) -> bool:
        return operation_id in self._tasks

    @property
    def tasks(self) -> Collection[asyncio.Task[None]]:
        """What is to be cancelled with the socket."""
        return self._tasks.values()

    async def begin(self, operation_id: str, payload: Any, caller: Principal) -> None:
        """Answer an operation from now on, or refuse it where there are too many."""
        if len(self._tasks) >= self._most:
            reason = "Too many operations at once on this connection"
            await self.refuse(operation_id, AppError(ErrorCode.OVERLOADED, reason))
            return
        task = asyncio.create_task(self._run(operation_id, payload, caller))
        self._tasks[operation_id] = task

    def end(self, operation_id: str) -> None:
        """End an operation, if it is in progress; its id may be used again at once."""
        task = self._tasks.pop(operation_id, None)
        if task is not None:
            task.cancel()

    async def drain(self) -> None:
        """End the subscriptions, and let the other operations come to their answers."""
        self._draining = True
        for operation_id in list(self._subscribed):
            self.end(operation_id)
        if self._tasks:
            await asyncio.wait(self._tasks.values())

    async def refuse(self, operation_id: str, error: AppError | RefusedError) -> None:
        """Tell why an operation is not answered."""
        record_refusal(error.code)
        reason = refusal(error) if isinstance(error, AppError) else error
        await self._tell(operation_id, refused(reason))

    async def _tell(self, operation_id: str, answer: Answer) -> bool:
        """Send one result; whether more may follow it."""
        if answer.executed:
            await self._send({"id": operation_id, "type": "next", "payload": answer.body})
        else:
            payload = answer.body["errors"]
            await self._send({"id": operation_id, "type": "error", "payload": payload})
        return answer.executed

    async def _run(self, operation_id: str, payload: Any, caller: Principal) -> None:
        """Run one operation as a request of its own, with an id, a span and a time budget."""
        current = RequestContext(
            request_id=f"{self._connection.request_id[:91]}.{uuid4().hex}",
            client_address=self._connection.client_address,
            method="WS",
            route=self._connection.route,
            principal=caller,
        )
        token = set_context(current)
        try:
            with span("WS /graphql", kind=SpanKind.SERVER, traceparent=self._traceparent):
                if await self._answer(operation_id, payload, caller):
                    await self._send({"id": operation_id, "type": "complete"})
        except WebSocketDisconnect:
            log.debug("socket closed while an operation ran")
        finally:
            reset_context(token)
            self._subscribed.discard(operation_id)
            if self._tasks.get(operation_id) is asyncio.current_task():
                del self._tasks[operation_id]

    async def _answer(self, operation_id: str, payload: Any, caller: Principal) -> bool:
        """Send the results; whether the operation is complete, rather than refused."""
        reason: AppError | RefusedError
        try:
            prepared = await self._execute(payload, caller)
            if isinstance(prepared, Answer):
                return await self._tell(operation_id, prepared)
            self._subscribed.add(operation_id)
            events = self._engine.subscribe(prepared, caller)
            with graphql_subscriptions.track_inprogress():
                async with aclosing(events):
                    async for answer in events:
                        if not await self._tell(operation_id, answer):
                            return False
            return True
        except (AppError, RefusedError) as error:
            reason = error
        except TimeoutError:
            reason = AppError(ErrorCode.DEADLINE_EXCEEDED)
        except WebSocketDisconnect:
            raise
        except Exception:
            log.exception("unhandled exception")
            reason = AppError(ErrorCode.INTERNAL_ERROR)
        await self.refuse(operation_id, reason)
        return False

    async def _execute(self, payload: Any, caller: Principal) -> Prepared | Answer:
        """What has to be done in time: the answer to an operation, or a subscription to begin."""
        seconds = self._service.settings.http.http_request_timeout_seconds
        async with asyncio.timeout(seconds) as budget:
            context().deadline = budget.when()
            # As by HTTP: one request before anything is read, and the rest of the cost after.
            address = context().client_address

            async def pay(requests: int) -> None:
                state = await self._service.rate_limiter.check(caller, address, requests)
                if not state.allowed:
                    raise state.error()

            await pay(1)
            prepared = await self._engine.prepare(parse_request(payload), caller, pay)
            await self._engine.charge([prepared], pay)
            if prepared.operation.kind is OperationType.SUBSCRIPTION:
                if self._draining:
                    raise AppError(ErrorCode.OVERLOADED, "The service is stopping", retry_after=1)
                context().deadline = None
                return prepared
            return await self._engine.execute(prepared, caller)
