"""What is wrong with variables: every fault at once, where GraphQL stops at the types."""

import json
from collections.abc import Mapping
from typing import Any

import strawberry
from graphql import (
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    get_named_type,
    is_input_type,
    type_from_ast,
)
from graphql.utilities import validate_input_value
from pydantic import BaseModel, ValidationError

from app.errors import FieldFault
from app.transport.graphql.errors import MOST_FAULTS, field_path, told


def input_faults(
    schema: strawberry.Schema,
    executed: GraphQLSchema,
    operation: OperationDefinitionNode,
    variables: Mapping[str, Any],
) -> list[FieldFault]:
    """The faults of variables that cannot be used, with paths below those that are objects."""
    faults: list[FieldFault] = []
    for definition in operation.variable_definitions or ():
        name = definition.variable.name.value
        type_ = type_from_ast(executed, definition.type)
        if not is_input_type(type_) or (name not in variables and definition.default_value):
            continue
        value = variables.get(name)
        model = _model(schema, get_named_type(type_).name)
        found = _rules(model, value) if model and isinstance(value, dict) else []

        def add(
            error: GraphQLError,
            path: list[str | int],
            name: str = name,
            found: list[FieldFault] = found,
        ) -> None:
            found.append(FieldFault(field_path([name, *path]), told(error)))

        if not found:
            validate_input_value(value, type_, add, hide_suggestions=True)
        faults += found
    return faults[:MOST_FAULTS]


def _model(schema: strawberry.Schema, name: str) -> type[BaseModel] | None:
    definition = schema.get_type_by_name(name)
    origin = getattr(definition, "origin", None)
    is_model = isinstance(origin, type) and issubclass(origin, BaseModel)
    return origin if is_model else None


def _rules(model: type[BaseModel], value: dict[str, Any]) -> list[FieldFault]:
    try:
        model.model_validate_json(json.dumps(value), by_name=False)
    except ValidationError as error:
        return [FieldFault(field_path(fault["loc"]), fault["msg"]) for fault in error.errors()]
    return []
