"""How much an operation asks for, and may: depth, aliases, page sizes and cost.

The cost is the number of fields that may have to be filled. A connection has as many items as
`first` says, any other list as many as `@listSize` says, or else a hundred.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import strawberry
from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    VariableNode,
    get_named_type,
    get_nullable_type,
    is_list_type,
)
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.schema_directive import Location

from app.errors import FieldFault
from app.transport.graphql.errors import limit_exceeded
from app.transport.graphql.metrics import graphql_refused
from app.transport.settings import TransportSettings

_ASSUMED_LENGTH = 100


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION], description="How long the list may be, for its cost"
)
class ListSize:
    assumed_size: int


class Extent(NamedTuple):
    """`pages` are the page sizes that are asked for."""

    depth: int = 0
    aliases: int = 0
    cost: int = 0
    pages: frozenset[int] = frozenset()

    def __or__(self, other: "Extent") -> "Extent":
        return Extent(
            max(self.depth, other.depth),
            self.aliases + other.aliases,
            self.cost + other.cost,
            self.pages | other.pages,
        )


def extent(
    schema: GraphQLSchema,
    document: DocumentNode,
    operation: OperationDefinitionNode,
    variables: Mapping[str, Any],
) -> Extent:
    """What an operation of a valid document asks for, each fragment counted wherever it is spread.

    Introspection is left out: it is limited by the validation of the document.
    """
    defaults = {
        definition.variable.name.value: int(definition.default_value.value)
        for definition in operation.variable_definitions or ()
        if isinstance(definition.default_value, IntValueNode)
    }
    meter = _Meter(schema, document, {**defaults, **variables})
    return meter.selections(operation.selection_set, schema.get_root_type(operation.operation))


def check_limits(found: Extent, settings: TransportSettings) -> None:
    """Refuse what is over a limit: `RefusedError`, with all faults at once."""
    faults = [
        FieldFault(name, f"is {value}, and must be at most {most}")
        for name, value, most in (
            ("depth", found.depth, settings.graphql_max_depth),
            ("aliases", found.aliases, settings.graphql_max_aliases),
            ("cost", found.cost, settings.graphql_max_cost),
        )
        if value > most
    ]
    faults += [
        FieldFault("first", f"is {size}, and must be 1 to {settings.graphql_max_page}")
        for size in sorted(found.pages)
        if not 1 <= size <= settings.graphql_max_page
    ]
    if faults:
        for fault in faults:
            graphql_refused.labels(fault.field).inc()
        raise limit_exceeded(*faults)


class _Meter:
    def __init__(
        self, schema: GraphQLSchema, document: DocumentNode, variables: Mapping[str, Any]
    ) -> None:
        self._schema = schema
        self._variables = variables
        self._fragments = {
            definition.name.value: definition
            for definition in document.definitions
            if isinstance(definition, FragmentDefinitionNode)
        }
        self._measured: dict[str, Extent] = {}

    def selections(self, selected: SelectionSetNode, parent: GraphQLNamedType | None) -> Extent:
        total = Extent()
        for selection in selected.selections:
            total |= self._selection(selection, parent)
        return total

    def _selection(self, node: SelectionNode, parent: GraphQLNamedType | None) -> Extent:
        if isinstance(node, FieldNode):
            return self._field(node, parent)
        if isinstance(node, InlineFragmentNode):
            on = node.type_condition
            return self.selections(
                node.selection_set, self._schema.get_type(on.name.value) if on else parent
            )
        # Measured once: spreads of spreads would multiply the work.
        name = node.name.value  # type: ignore[attr-defined]
        if name not in self._measured:
            fragment = self._fragments[name]
            on = fragment.type_condition
            self._measured[name] = self.selections(
                fragment.selection_set, self._schema.get_type(on.name.value)
            )
        return self._measured[name]

    def _field(self, node: FieldNode, parent: GraphQLNamedType | None) -> Extent:
        aliases = 1 if node.alias else 0
        name = node.name.value
        if name.startswith("__") or not isinstance(
            parent, (GraphQLObjectType, GraphQLInterfaceType)
        ):
            return Extent(depth=1, aliases=aliases, cost=1)
        definition = parent.fields[name]
        below = Extent()
        if node.selection_set is not None:
            below = self.selections(node.selection_set, get_named_type(definition.type))
        page = self._page(node, definition)
        if page is None:
            cost = _length(definition, parent) * (1 + below.cost)
            return Extent(below.depth + 1, below.aliases + aliases, cost, below.pages)
        cost = 1 + max(page, 1) * below.cost
        return Extent(below.depth + 1, below.aliases + aliases, cost, below.pages | {page})

    def _page(self, node: FieldNode, definition: GraphQLField) -> int | None:
        """The size of the page; None where the field has none, or not of an integer."""
        if "first" not in definition.args:
            return None
        given = next((it.value for it in node.arguments or () if it.name.value == "first"), None)
        if isinstance(given, IntValueNode):
            return int(given.value)
        value = None
        if isinstance(given, VariableNode):
            value = self._variables.get(given.name.value)
        # GraphQL takes 20.0 for the integer that it is, and refuses what has more than 32 bits.
        if isinstance(value, (int, float)) and -(2**31) <= value < 2**31 and value == int(value):
            return int(value)
        default = definition.args["first"].default_value
        return default if isinstance(default, int) else None


def _length(definition: GraphQLField, parent: GraphQLNamedType) -> int:
    # The items of a connection were counted with it.
    if not is_list_type(get_nullable_type(definition.type)) or parent.name.endswith("Connection"):
        return 1
    declared = definition.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
    sizes = (
        it.assumed_size for it in getattr(declared, "directives", ()) if isinstance(it, ListSize)
    )
    return next(sizes, _ASSUMED_LENGTH)
