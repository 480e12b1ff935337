"""`/graphql` over WebSockets: who may connect, and how many."""

from collections import Counter
from collections.abc import Mapping

from starlette.websockets import WebSocket

from app.bootstrap import Service
from app.errors import AppError, ErrorCode
from app.http.errors import error_response
from app.platform.context import context
from app.transport.graphql.engine import Engine
from app.transport.graphql.metrics import graphql_sockets
from app.transport.graphql.middleware import PATH
from app.transport.graphql.socket import GraphQLSocket


class GraphQLSockets:
    """All sockets of the process."""

    def __init__(self, service: Service, engine: Engine) -> None:
        self._service = service
        self._engine = engine
        self._open = 0
        self._of_principal: Counter[str] = Counter()
        graphql_sockets.set_function(lambda: self._open)

    async def serve(self, websocket: WebSocket) -> None:
        """Serve one socket to its end."""
        context().route = PATH
        try:
            await self._admit(websocket)
        except AppError as error:
            await websocket.send_denial_response(error_response(error))
            return
        self._open += 1
        try:
            await GraphQLSocket(self._service, self._engine, websocket, self._of_principal).run()
        finally:
            self._open -= 1

    async def _admit(self, websocket: WebSocket) -> None:
        if not self._may_connect(websocket.headers):
            raise AppError(ErrorCode.FORBIDDEN, "Pages of this origin may not connect")
        if self._open >= self._service.settings.transport.graphql_max_sockets:
            raise AppError(ErrorCode.OVERLOADED, retry_after=1)
        state = await self._service.rate_limiter.check(None, context().client_address)
        if not state.allowed:
            raise state.error()

    def _may_connect(self, headers: Mapping[str, str]) -> bool:
        """Browsers ask no server first, as they do for requests: so the origin is checked here."""
        origin = headers.get("origin")
        if origin is None or origin.partition("://")[2] == headers.get("host"):
            return True
        origins = self._service.settings.http.cors_origins
        return origin in origins or "*" in origins
