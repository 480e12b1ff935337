"""Errors as entries of a GraphQL response."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import structlog
from graphql import GraphQLError, ValueNode
from strawberry.pydantic import InputValidationError

from app.errors import AppError, ErrorCode, FieldFault, error_body
from app.platform.context import context
from app.transport.graphql.metrics import graphql_operations_refused

log = structlog.get_logger()

# What a client sends could make up more.
MOST_FAULTS = 1000
LONGEST_FIELD = 256
LONGEST_MESSAGE = 512


class RefusedError(Exception):
    """The operation is not executed; `entries` say why."""

    def __init__(self, code: ErrorCode, entries: list[dict[str, Any]]) -> None:
        super().__init__(code.name)
        self.code = code
        self.entries = entries


def record_refusal(code: ErrorCode) -> None:
    """Tell operators of an operation that is not executed."""
    graphql_operations_refused.labels(code.name).inc()
    log.info("operation refused", code=code.name)


@contextmanager
def refusals_recorded() -> Iterator[None]:
    """Record what is refused within the context."""
    try:
        yield
    except (AppError, RefusedError) as error:
        record_refusal(error.code)
        raise


def refusal(error: AppError) -> RefusedError:
    """The refusal of an operation for one reason."""
    return RefusedError(error.code, [error_entry(error)])


def limit_exceeded(*faults: FieldFault) -> RefusedError:
    """The refusal of an operation that asks for too much."""
    return refusal(AppError(ErrorCode.VALIDATION_ERROR, _reasons(faults), details=faults))


def _reasons(faults: Iterable[FieldFault]) -> str:
    return "; ".join(f"{fault.field} {fault.issue}" for fault in faults)


def document_refused(code: ErrorCode, errors: Sequence[GraphQLError]) -> RefusedError:
    """The refusal of a document that GraphQL itself finds faults in, with its words and places."""
    return RefusedError(code, [error_entry(AppError(code, told(e)), e) for e in errors])


def error_entry(error: AppError, place: GraphQLError | None = None) -> dict[str, Any]:
    """An entry of `errors`, whose extensions are those of every error of the service."""
    entry: dict[str, Any] = {"message": error.message}
    if place is not None and place.locations:
        entry["locations"] = [location.formatted for location in place.locations]
    if place is not None and place.path is not None:
        entry["path"] = place.path
    return entry | {"extensions": error_extensions(error_body(error, context().request_id))}


def error_extensions(body: Mapping[str, Any]) -> dict[str, Any]:
    """What of the error shape is not in the message already."""
    return {name: value for name, value in body["error"].items() if name != "message"}


def app_error(error: GraphQLError) -> AppError:
    """What the client is told of an error in a resolver; nothing where nobody expected it."""
    original = error.original_error
    while isinstance(original, GraphQLError) and original.original_error is not None:
        original = original.original_error
    if isinstance(original, AppError):
        return original
    if isinstance(original, InputValidationError):
        found = (original.extensions or {})["validationErrors"][:MOST_FAULTS]
        faults = [FieldFault(field_path(it["location"][1:]), it["message"]) for it in found]
        return AppError(ErrorCode.VALIDATION_ERROR, details=faults)
    if isinstance(original, GraphQLError) and _is_about_a_value(original):
        return AppError(ErrorCode.VALIDATION_ERROR, told(original))
    log.error("unhandled exception", exc_info=original or error)
    return AppError(ErrorCode.INTERNAL_ERROR)


def told(error: GraphQLError) -> str:
    """What GraphQL says of a fault, cut short where it repeats much of what was sent."""
    return error.message[:LONGEST_MESSAGE]


def _is_about_a_value(error: GraphQLError) -> bool:
    """Whether GraphQL found an argument unusable, which only its variable may have made so."""
    return error.nodes is not None and isinstance(error.nodes[0], ValueNode)


def field_path(location: Iterable[int | str]) -> str:
    """`("lines", "0", "quantity")` as `lines[0].quantity`."""
    path = ""
    for part in location:
        index = isinstance(part, int) or part.isdecimal()
        path += f"[{part}]" if index else f".{part}" if path else str(part)
    return path[:LONGEST_FIELD] or "input"
