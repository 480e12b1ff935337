"""Requests as GraphQL-over-HTTP and graphql-transport-ws write them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import QueryParams

from app.errors import AppError, ErrorCode, FieldFault
from app.http.json import parse_json

_TYPES = {"query": str, "operationName": str, "variables": dict, "extensions": dict}
_NAMES = {str: "a string", dict: "an object"}


@dataclass(frozen=True, slots=True)
class GraphQLRequest:
    """One operation that a client asks for."""

    query: str | None
    operation_name: str | None
    variables: Mapping[str, Any]
    extensions: Mapping[str, Any]


def parse_request(value: Any) -> GraphQLRequest:
    """The request in a JSON value; raises `AppError(MALFORMED_REQUEST)` with all faults."""
    if not isinstance(value, dict):
        raise AppError(ErrorCode.MALFORMED_REQUEST, "The request must be an object")
    faults = [
        FieldFault(name, f"must be {_NAMES[kind]}")
        for name, kind in _TYPES.items()
        if value.get(name) is not None and not isinstance(value[name], kind)
    ]
    if faults:
        raise AppError(ErrorCode.MALFORMED_REQUEST, details=faults)
    return GraphQLRequest(
        query=value.get("query"),
        operation_name=value.get("operationName"),
        variables=value.get("variables") or {},
        extensions=value.get("extensions") or {},
    )


def parse_parameters(parameters: QueryParams) -> GraphQLRequest:
    """The request in the query string of a GET, whose objects are written in JSON."""
    repeated = [name for name in _TYPES if len(parameters.getlist(name)) > 1]
    if repeated:
        faults = [FieldFault(name, "must be given once") for name in repeated]
        raise AppError(ErrorCode.MALFORMED_REQUEST, details=faults)
    value: dict[str, Any] = {name: parameters[name] for name in _TYPES if parameters.get(name)}
    for name in ("variables", "extensions"):
        if name in value:
            value[name] = parse_json(value[name].encode("utf-8", "surrogatepass"))
    return parse_request(value)
