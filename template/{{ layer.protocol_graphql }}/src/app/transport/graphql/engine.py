"""From a request to its answer: find the document, decide, charge, execute."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from inspect import isawaitable
from math import ceil
from time import perf_counter
from typing import Any

import structlog
from graphql import ExecutionResult, execute, subscribe

from app.auth.graphql import owner_loader
from app.auth.principal import Principal
from app.bootstrap import Service
from app.errors import AppError, ErrorCode, FieldFault
from app.features.orders.watch import OrderWatch
from app.platform.telemetry import span
from app.transport.graphql.context import OperationContext
from app.transport.graphql.documents import Documents, Operation
from app.transport.graphql.errors import (
    RefusedError,
    app_error,
    error_entry,
    limit_exceeded,
    refusal,
)
from app.transport.graphql.inputs import input_faults
from app.transport.graphql.limits import check_limits, extent
from app.transport.graphql.metrics import graphql_operation_duration, graphql_refused
from app.transport.graphql.persisted import PersistedQueries
from app.transport.graphql.requests import GraphQLRequest
from app.transport.schema import ACCESS, SCHEMA, executable

log = structlog.get_logger()

_LONGEST_NAME = 64
# To validate so many tokens takes the service as long as to answer a small request.
_TOKENS_PER_REQUEST = 100
# To read so many characters takes about as long, and in comments they are no tokens.
_CHARACTERS_PER_REQUEST = 8192

Pay = Callable[[int], Awaitable[None]]
"""Takes so many requests from the rate limit of the caller; raises `AppError` where it is spent."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """An operation that may be executed, and what it costs."""

    operation: Operation
    request: GraphQLRequest
    cost: int


@dataclass(slots=True)
class Answer:
    """One response; `code` is that of its first error, `headers` belong to the HTTP response."""

    body: dict[str, Any]
    code: ErrorCode | None = None
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def executed(self) -> bool:
        return "data" in self.body


class Engine:
    """Executes operations for whoever asks, by HTTP or by WebSocket."""

    def __init__(self, service: Service, *, introspection: bool) -> None:
        settings = service.settings.transport
        self.introspection = introspection
        self.watch = OrderWatch(
            service.database,
            service.orders,
            settings.graphql_max_subscriptions,
            settings.graphql_max_subscriptions_per_principal,
        )
        self._service = service
        self._settings = settings
        limits = service.settings.rate_limit
        self._most_saved = min(limits.rate_limit_principal.burst, limits.rate_limit_global.burst)
        self._schema = executable(SCHEMA)
        self._documents = Documents(
            self._schema,
            settings.graphql_max_length,
            settings.graphql_max_tokens,
            introspection=introspection,
        )
        self._persisted = PersistedQueries(service.cache, settings)

    async def prepare(
        self, request: GraphQLRequest, caller: Principal | None, pay: Pay
    ) -> Prepared:
        """Find the operation, and decide whether this caller may have it executed.

        A long document is paid for when it is new. Raises `RefusedError` for what is wrong with the
        document, and `AppError` for who asks.
        """
        text, keep = await self._persisted.text(request.query, request.extensions)
        document = self._documents.kept(text)
        if document is None:
            self._documents.check_length(text)
            await self._pay(len(text), _CHARACTERS_PER_REQUEST, pay)
            document = self._documents.parse(text)
            await self._pay(document.token_count, _TOKENS_PER_REQUEST, pay)
            self._documents.validate(text, document)
        operation = self._documents.operation(text, document, request.operation_name)
        self._authorize(operation, caller)
        found = extent(self._schema, operation.document, operation.node, request.variables)
        check_limits(found, self._settings)
        if keep and caller is not None:
            await self._persisted.keep(text)
        return Prepared(operation, request, found.cost)

    async def charge(self, prepared: Sequence[Prepared], pay: Pay) -> None:
        """Charge for the operations; raises `RefusedError` where together they cost too much."""
        cost = sum(each.cost for each in prepared)
        if cost > self._settings.graphql_max_cost:
            graphql_refused.labels("cost").inc()
            most = self._settings.graphql_max_cost
            raise limit_exceeded(FieldFault("cost", f"is {cost}, and must be at most {most}"))
        await self._pay(cost, self._settings.graphql_cost_per_request, pay)

    async def _pay(self, amount: int, per_request: int, pay: Pay) -> None:
        """Pay for what goes beyond the one request that is paid for.

        More than a caller may ever have saved up takes all of it.
        """
        due = min(ceil(amount / per_request), self._most_saved) - 1
        if due > 0:
            await pay(due)

    async def execute(
        self,
        prepared: Prepared,
        caller: Principal | None,
        idempotency_key: str | None = None,
        place: int = 0,
    ) -> Answer:
        """Execute a query or a mutation; `place` is the operation's own in a batch."""
        operation, began = prepared.operation, perf_counter()
        shared = self._context(caller)
        shared.idempotency_key, shared.place = idempotency_key, place
        with span(
            f"{operation.kind.value} {operation.label}",
            attributes={
                "graphql.operation.type": operation.kind.value,
                "graphql.operation.name": _name(prepared),
            },
        ):
            running = execute(
                self._schema,
                operation.document,
                context_value=shared,
                variable_values=dict(prepared.request.variables),
                operation_name=prepared.request.operation_name,
                hide_suggestions=not self.introspection,
            )
            result = await running if isawaitable(running) else running
        answer = self._answer(prepared, result)
        if shared.replayed:
            answer.headers["Idempotency-Replayed"] = "true"
        self._record(prepared, answer, perf_counter() - began)
        return answer

    async def subscribe(self, prepared: Prepared, caller: Principal) -> AsyncGenerator[Answer]:
        """The events of a subscription; raises `AppError` where its source ends with one."""
        operation = prepared.operation
        started = subscribe(
            self._schema,
            operation.document,
            context_value=self._context(caller),
            variable_values=dict(prepared.request.variables),
            operation_name=prepared.request.operation_name,
            hide_suggestions=not self.introspection,
        )
        source = await started if isawaitable(started) else started
        if isinstance(source, ExecutionResult):
            yield self._answer(prepared, source)
            return
        async with aclosing(source) as events:  # type: ignore[type-var]
            async for result in events:
                began = perf_counter()
                answer = self._answer(prepared, result)
                self._record(prepared, answer, perf_counter() - began)
                yield answer

    def _context(self, caller: Principal | None) -> OperationContext:
        return OperationContext(
            service=self._service,
            watch=self.watch,
            owners=owner_loader(self._service.database, caller),
            caller=caller,
        )

    def _authorize(self, operation: Operation, caller: Principal | None) -> None:
        """Refuse the whole operation for a root field that the caller may not call."""
        if operation.introspective:
            if caller is None and not self.introspection:
                raise AppError(ErrorCode.UNAUTHENTICATED)
            return
        if caller is None:
            raise AppError(ErrorCode.UNAUTHENTICATED)
        root = operation.kind.value.capitalize()
        for name in operation.fields:
            permission = None if name.startswith("__") else ACCESS[root, name]
            if permission is not None:
                caller.require(permission)

    def _answer(self, prepared: Prepared, result: ExecutionResult) -> Answer:
        if not result.errors:
            return Answer({"data": result.data})
        if result.data is None and all(error.path is None for error in result.errors):
            variables = prepared.request.variables
            faults = input_faults(SCHEMA, self._schema, prepared.operation.node, variables)
            return refused(refusal(AppError(ErrorCode.VALIDATION_ERROR, details=faults)))
        told = [(app_error(error), error) for error in result.errors]
        entries = [error_entry(error, place) for error, place in told]
        answer = Answer({"data": result.data, "errors": entries}, told[0][0].code)
        waits = [error.retry_after for error, _ in told if error.retry_after is not None]
        if waits:
            answer.headers["Retry-After"] = str(max(1, ceil(max(waits))))
        return answer

    def _record(self, prepared: Prepared, answer: Answer, seconds: float) -> None:
        operation = prepared.operation
        code = "ok" if answer.code is None else answer.code.name
        labels = operation.kind.value, operation.label, code
        graphql_operation_duration.labels(*labels).observe(seconds)
        log.info(
            "operation",
            operation_type=operation.kind.value,
            operation=operation.label,
            operation_name=_name(prepared),
            cost=prepared.cost,
            code=code,
            duration_ms=round(seconds * 1000, 3),
        )


def refused(error: RefusedError) -> Answer:
    """The response to an operation that is not executed: it has no `data`."""
    return Answer({"errors": error.entries}, error.code)


def _name(prepared: Prepared) -> str:
    name = prepared.operation.node.name
    return name.value[:_LONGEST_NAME] if name else ""
