"""Root fields, and who may call them: decided before an operation is executed."""

from collections.abc import Callable
from typing import Any, TypeVar

import strawberry
from strawberry.types import get_object_definition

from app.auth.principal import Permission

_Resolver = TypeVar("_Resolver", bound=Callable[..., Any])
_ACCESS = "access"

AUTHENTICATED = None
"""Any principal may call the field."""


def query(access: Permission | None, description: str) -> Callable[[_Resolver], _Resolver]:
    """A field of `Query` that only a principal with the permission may call.

    The service decides again, with ownership; this refusal comes first so that a caller without
    the permission learns nothing from the validation of the input.
    """
    made: Callable[[_Resolver], _Resolver] = strawberry.field(
        metadata={_ACCESS: access}, description=description
    )
    return made


def mutation(access: Permission | None, description: str) -> Callable[[_Resolver], _Resolver]:
    """A field of `Mutation`, as `query`."""
    made: Callable[[_Resolver], _Resolver] = strawberry.mutation(
        metadata={_ACCESS: access}, description=description
    )
    return made


def subscription(access: Permission | None, description: str) -> Callable[[_Resolver], _Resolver]:
    """A field of `Subscription`, as `query`."""
    made: Callable[[_Resolver], _Resolver] = strawberry.subscription(
        metadata={_ACCESS: access}, description=description
    )
    return made


def resolved(description: str) -> Callable[[_Resolver], _Resolver]:
    """A field of any other type that is made by a method; who sees the object may call it."""
    made: Callable[[_Resolver], _Resolver] = strawberry.field(description=description)
    return made


def access_table(schema: strawberry.Schema) -> dict[tuple[str, str], Permission | None]:
    """The decision for each root field, by its type and name; None is any principal.

    A field without a decision is a `LookupError`.
    """
    table: dict[tuple[str, str], Permission | None] = {}
    for root in filter(None, (schema.query, schema.mutation, schema.subscription)):
        definition = get_object_definition(root, strict=True)
        for field in definition.fields:
            name = schema.config.name_converter.get_graphql_name(field)
            if _ACCESS not in field.metadata:
                raise LookupError(f"{definition.name}.{name}: declare it with @query and the like")
            table[definition.name, name] = field.metadata[_ACCESS]
    return table
