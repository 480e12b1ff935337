"""`/graphql` over HTTP, as GraphQL-over-HTTP has it."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from graphql import OperationType
from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response

from app.auth.principal import Principal
from app.bootstrap import Service
from app.errors import AppError, ErrorCode, FieldFault
from app.http.headers import RESPONSE_HEADERS
from app.http.middleware.identity import require_principal
from app.platform.context import context
from app.transport.graphql.engine import Answer, Engine, Pay, Prepared, refused
from app.transport.graphql.errors import RefusedError, refusal, refusals_recorded
from app.transport.graphql.media import GRAPHQL, response_type
from app.transport.graphql.metrics import graphql_refused
from app.transport.graphql.middleware import PATH
from app.transport.graphql.requests import GraphQLRequest, parse_parameters, parse_request
from app.transport.request import ApiRequest


class GraphQLEndpoint:
    """Answers requests, each of one operation or of a batch.

    Missing credentials are refused before the body is judged. Only where introspection is on is a
    body read without any, and answered if it asks for nothing else.
    """

    def __init__(self, service: Service, engine: Engine) -> None:
        self._service = service
        self._engine = engine
        self._max_batch = service.settings.transport.graphql_max_batch

    async def respond(self, request: Request) -> Response:
        """The response to a request; raises `AppError` for what GraphQL has no say in."""
        context().route = PATH
        try:
            caller = require_principal(request.scope)
        except AppError as error:
            if error.challenge or error.code is not ErrorCode.UNAUTHENTICATED:
                raise
            if not self._engine.introspection:
                raise
            return await self._introspect(request)
        return await self._answer(request, caller)

    async def _introspect(self, request: Request) -> Response:
        try:
            return await self._answer(request, None)
        except (AppError, RefusedError):
            raise AppError(ErrorCode.UNAUTHENTICATED) from None

    async def _answer(self, request: Request, caller: Principal | None) -> Response:
        media_type = response_type(", ".join(request.headers.getlist("accept")))
        if request.method == "GET":
            asked: Any = parse_parameters(request.query_params)
        else:
            _check_content(request)
            asked = await ApiRequest(request.scope, request.receive).json()
        if isinstance(asked, list):
            return await self._answer_batch(request, asked, media_type, caller)
        sent = asked if isinstance(asked, GraphQLRequest) else parse_request(asked)
        pay = partial(self._pay, request, caller)
        try:
            with refusals_recorded():
                prepared = await self._prepare(request, sent, caller, pay)
                await self._engine.charge([prepared], pay)
        except RefusedError as error:
            if caller is None:
                raise
            return _response(refused(error), media_type)
        key = request.headers.get("idempotency-key")
        return _response(await self._engine.execute(prepared, caller, key), media_type)

    async def _answer_batch(
        self, request: Request, asked: Sequence[Any], media_type: str, caller: Principal | None
    ) -> Response:
        """The answers in the order of the operations, which are executed one after the other."""
        if not 1 <= len(asked) <= self._max_batch:
            graphql_refused.labels("batch").inc()
            fault = FieldFault("batch", f"is {len(asked)}, and must be 1 to {self._max_batch}")
            message = "The batch is empty or too long"
            raise AppError(ErrorCode.MALFORMED_REQUEST, message, details=[fault])
        pay = partial(self._pay, request, caller)
        prepared: list[Prepared | RefusedError] = []
        for sent in [parse_request(each) for each in asked]:
            try:
                with refusals_recorded():
                    prepared.append(await self._prepare(request, sent, caller, pay))
            except (AppError, RefusedError) as error:
                if caller is None:
                    raise
                prepared.append(refusal(error) if isinstance(error, AppError) else error)
        try:
            ready = [each for each in prepared if isinstance(each, Prepared)]
            with refusals_recorded():
                await self._engine.charge(ready, pay)
        except RefusedError as error:
            return _response(refused(error), media_type)
        key = request.headers.get("idempotency-key")
        answers = [
            await self._engine.execute(each, caller, key, place)
            if isinstance(each, Prepared)
            else refused(each)
            for place, each in enumerate(prepared)
        ]
        return Response(
            to_json([answer.body for answer in answers]),
            headers={name: text for each in answers for name, text in each.headers.items()},
            media_type=f"{media_type}; charset=utf-8",
        )

    async def _prepare(
        self, request: Request, sent: GraphQLRequest, caller: Principal | None, pay: Pay
    ) -> Prepared:
        prepared = await self._engine.prepare(sent, caller, pay)
        kind = prepared.operation.kind
        if kind is OperationType.SUBSCRIPTION:
            message = "Subscriptions are served over WebSockets, as graphql-transport-ws"
            raise refusal(AppError(ErrorCode.MALFORMED_REQUEST, message))
        if kind is not OperationType.QUERY and request.method == "GET":
            raise AppError(
                ErrorCode.METHOD_NOT_ALLOWED,
                "Mutations are sent with POST",
                headers={"Allow": "OPTIONS, POST"},
            )
        return prepared

    async def _pay(self, request: Request, caller: Principal | None, requests: int) -> None:
        address = context().client_address
        state = await self._service.rate_limiter.check(caller, address, requests)
        if not state.allowed:
            raise state.error()
        request.scope["state"][RESPONSE_HEADERS] = [
            (name.lower().encode(), value.encode()) for name, value in state.headers().items()
        ]


def _check_content(request: Request) -> None:
    """Take nothing that the form of another site could send without being asked first."""
    media_type, _, parameters = request.headers.get("content-type", "").lower().partition(";")
    charset = parameters.replace(" ", "").replace('"', "")
    if media_type.strip() != "application/json" or charset not in {"", "charset=utf-8"}:
        headers = {"Accept": "application/json"}
        raise AppError(ErrorCode.UNSUPPORTED_MEDIA_TYPE, headers=headers)
    if request.headers.get("content-encoding", "identity") != "identity":
        message = "The body must not be compressed"
        headers = {"Accept-Encoding": "identity"}
        raise AppError(ErrorCode.UNSUPPORTED_MEDIA_TYPE, message, headers=headers)


def _response(answer: Answer, media_type: str) -> Response:
    """200 once an operation is executed, and always for clients that know no other status."""
    status = 200 if answer.executed or media_type != GRAPHQL else 400
    return Response(
        to_json(answer.body), status, answer.headers, media_type=f"{media_type}; charset=utf-8"
    )
