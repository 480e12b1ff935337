"""One WebSocket: the protocol graphql-transport-ws, and no other.

https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md
"""

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import structlog
from pydantic_core import to_json
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from app.auth.authentication import AuthRequest
from app.auth.authenticator import CREDENTIAL_HEADERS
from app.auth.principal import Principal
from app.bootstrap import Service
from app.errors import AppError, ErrorCode
from app.http.json import parse_json
from app.platform.context import context
from app.platform.gcra import GcraStore, Limit, Rule
from app.transport.graphql.engine import Engine
from app.transport.graphql.socket_operations import SocketOperations
from app.transport.socket_protocol import STOPPING

log = structlog.get_logger()

PROTOCOL = "graphql-transport-ws"
_LONGEST_ID = 128
_MOST_FAILED_CHECKS = 3
# Of messages that no rate limit is charged for; a client sends a ping every few seconds.
_IDLE = Rule("idle", Limit.parse("120/minute"))
_BEFORE_CREDENTIALS = _IDLE._replace(cost=12)


class CloseError(Exception):
    """The socket is closed with this code, which tells the client whether to try again."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class GraphQLSocket:
    """One socket: who is at its other end, and the operations in progress.

    `of_principal` counts the sockets of each principal, once it has proven to be at the other end.
    """

    def __init__(
        self,
        service: Service,
        engine: Engine,
        websocket: WebSocket,
        of_principal: Counter[str],
    ) -> None:
        self._stopping: asyncio.Event = websocket.scope["state"][STOPPING]
        self._service = service
        self._settings = service.settings.transport
        self._websocket = websocket
        self._of_principal = of_principal
        self._end = ExitStack()
        self._connection = context()
        self._headers: dict[str, str] = {}
        self._caller: Principal | None = None
        self._operations = SocketOperations(service, engine, self._send)
        self._idle = GcraStore(1)
        self._to_complete = 0

    async def run(self) -> None:
        offered = PROTOCOL in self._websocket.scope["subprotocols"]
        await self._websocket.accept(PROTOCOL if offered else None)
        tasks = list[asyncio.Task[Any]]()
        try:
            async with asyncio.timeout(self._settings.graphql_init_timeout_seconds):
                await self._initialise(offered=offered)
            receiving = asyncio.create_task(self._receive())
            checking = asyncio.create_task(self._check())
            stopping = asyncio.create_task(self._stopping.wait())
            tasks += [receiving, checking, stopping]
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
            receiving.cancel()
            await self._operations.drain()
            await self._close(1012, "The service is stopping")
        except CloseError as error:
            await self._close(error.code, error.reason)
        except TimeoutError:
            await self._close(4408, "Connection initialisation timeout")
        except WebSocketDisconnect:
            pass
        finally:
            tasks += self._operations.tasks
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._end.close()

    async def _close(self, code: int, reason: str) -> None:
        log.info("socket closed", code=code, reason=reason)
        with suppress(WebSocketDisconnect):
            await self._websocket.close(code, reason)

    async def _initialise(self, *, offered: bool) -> None:
        if not offered:
            raise CloseError(4406, "Subprotocol not acceptable")
        while True:
            message = await self._next()
            if message["type"] == "connection_init":
                break
            if message["type"] == "subscribe":
                raise CloseError(4401, "Unauthorized")
            await self._keep_alive(message)
        payload = message.get("payload") or {}
        if not isinstance(payload, dict):
            raise CloseError(4400, "The payload must be an object")
        sent = {name.lower(): value for name, value in payload.items() if isinstance(value, str)}
        # Pages cannot add headers to a handshake: what would be one may stand in this message.
        own = {name: sent[name] for name in CREDENTIAL_HEADERS if name in sent}
        self._headers = {**dict(self._websocket.headers), **own}
        try:
            self._caller = await self._authenticate()
        except AppError as error:
            code = 4403 if error.code.value.http_status < 500 else 1013
            raise CloseError(code, error.code.name) from None
        subject = self._caller.subject
        if self._of_principal[subject] >= self._settings.graphql_max_sockets_per_principal:
            raise CloseError(1013, "Too many connections of one principal")
        self._end.enter_context(_counted(self._of_principal, subject))
        self._connection.principal = self._caller
        await self._send({"type": "connection_ack"})

    async def _authenticate(self, *, is_use: bool = True, is_recheck: bool = False) -> Principal:
        # What comes by the socket may change something, as what is posted.
        query = self._websocket.url.query
        request = AuthRequest("POST", self._headers, query, is_use, is_recheck)
        caller = await self._service.auth.authenticator.authenticate(request)
        if caller is None:
            raise AppError(ErrorCode.UNAUTHENTICATED)
        return caller

    async def _check(self) -> None:
        """End the socket once its credentials have expired, or have been revoked.

        To hold it open is no use of them.
        """
        failures = 0
        while True:
            await asyncio.sleep(self._settings.graphql_recheck_seconds)
            try:
                self._caller = await self._authenticate(is_use=False, is_recheck=True)
                failures = 0
            except AppError as error:
                if error.code.value.http_status < 500:
                    raise CloseError(4403, error.code.name) from None
                failures += 1
                if failures >= _MOST_FAILED_CHECKS:
                    raise CloseError(1013, error.code.name) from None

    async def _receive(self) -> None:
        while True:
            message = await self._next()
            match message["type"]:
                case "subscribe":
                    await self._subscribe(message)
                case "complete":
                    # One for each operation, which may have ended meanwhile.
                    if self._to_complete:
                        self._to_complete -= 1
                    else:
                        self._count_idle()
                    self._operations.end(_id(message))
                case "connection_init":
                    raise CloseError(4429, "Too many initialisation requests")
                case _:
                    await self._keep_alive(message)

    async def _keep_alive(self, message: Mapping[str, Any]) -> None:
        self._count_idle()
        if message["type"] == "ping":
            # Its payload is not sent back: it may be as long as a message.
            await self._send({"type": "pong"})
        elif message["type"] != "pong":
            raise CloseError(4400, "The type of the message is not known")

    def _count_idle(self) -> None:
        rule = _BEFORE_CREDENTIALS if self._caller is None else _IDLE
        if not self._idle.consume([rule])[0].allowed:
            raise CloseError(1008, "Too many messages")

    async def _next(self) -> dict[str, Any]:
        received = await self._websocket.receive()
        if received["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(received.get("code", 1005))
        try:
            message = parse_json((received.get("text") or "").encode())
        except (AppError, UnicodeEncodeError):
            raise CloseError(4400, "The message is not JSON text") from None
        if not isinstance(message, dict) or not isinstance(message.get("type"), str):
            raise CloseError(4400, "The message must be an object with a type")
        return message

    async def _send(self, message: Mapping[str, Any]) -> None:
        if self._websocket.application_state is not WebSocketState.CONNECTED:
            raise WebSocketDisconnect
        await self._websocket.send({"type": "websocket.send", "text": to_json(message).decode()})

    async def _subscribe(self, message: Mapping[str, Any]) -> None:
        self._to_complete += 1
        operation_id = _id(message)
        if operation_id in self._operations:
            raise CloseError(4409, "Subscriber already exists")
        try:
            # As for each request: with credentials that were revoked nothing more is done.
            self._caller = await self._authenticate(is_recheck=True)
        except AppError as error:
            if error.code.value.http_status < 500:
                raise CloseError(4403, error.code.name) from None
            await self._operations.refuse(operation_id, error)
        else:
            await self._operations.begin(operation_id, message.get("payload"), self._caller)


@contextmanager
def _counted(counter: Counter[str], key: str) -> Iterator[None]:
    counter[key] += 1
    try:
        yield
    finally:
        counter[key] -= 1
        if not counter[key]:
            del counter[key]


def _id(message: Mapping[str, Any]) -> str:
    found = message.get("id")
    if not isinstance(found, str) or not 1 <= len(found) <= _LONGEST_ID:
        raise CloseError(4400, f"The id must be a string of 1 to {_LONGEST_ID} characters")
    return found
