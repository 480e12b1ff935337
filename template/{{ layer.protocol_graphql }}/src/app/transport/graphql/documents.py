"""Documents: parsed and validated once, then kept."""

import re
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from graphql import (
    ASTValidationRule,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    NameNode,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    OperationType,
    OverlappingFieldsCanBeMergedRule,
    SelectionSetNode,
    ValidationContext,
    ValidationRule,
    get_operation_ast,
    is_introspection_type,
    parse,
    specified_rules,
    validate,
)
from graphql.validation.validate import ValidationAbortedError

from app.errors import AppError, ErrorCode, FieldFault
from app.transport.graphql.errors import document_refused, limit_exceeded, refusal
from app.transport.graphql.metrics import graphql_refused

# A parsed document takes up to 300 times the memory of its text.
_KEPT_CHARACTERS = 200_000
# A longer one would push out many that are asked for more often.
_LONGEST_KEPT = _KEPT_CHARACTERS // 10
# Of what a document repeats, each is compared with each: about a microsecond for one.
_MOST_COMPARISONS = 10_000
# Each error may print again what is wrong.
_MOST_ERRORS = 10
_MAX_INTEGER_DIGITS = 19
_LONGEST_NAME = 128
_DOUBTFUL = re.compile(rf"[0-9]{{{_MAX_INTEGER_DIGITS + 1}}}|[0-9A-Za-z_]{{{_LONGEST_NAME + 1}}}")


class _ShortTokens(ASTValidationRule):
    """The tokens are few; these two kinds must not be long either.

    The alias of a field is repeated for each object in an answer, and the name of an operation in
    each error. Python refuses to read very long integers, in words of its own.
    """

    def enter_name(self, node: NameNode, *_: Any) -> None:
        if len(node.value) > _LONGEST_NAME:
            most = f"The document holds a name of more than {_LONGEST_NAME} characters"
            self.report_error(GraphQLError(most, node))

    def enter_int_value(self, node: IntValueNode, *_: Any) -> None:
        if len(node.value.lstrip("-")) > _MAX_INTEGER_DIGITS:
            error = GraphQLError("The document holds an integer that is too large", node)
            self.report_error(error)


class _FewComparisons(OverlappingFieldsCanBeMergedRule):
    """The rule of GraphQL, whose own bound would let a document hold up the others for long."""

    def __init__(self, context: ValidationContext) -> None:
        super().__init__(context)
        self.rule_context.remaining_complexity_budget = _MOST_COMPARISONS

    def enter_selection_set(self, *place: Any) -> None:
        try:
            super().enter_selection_set(*place)
        except ValidationAbortedError:
            if self.rule_context.remaining_complexity_budget >= 0:
                raise
            graphql_refused.labels("repetition").inc()
            issue = "is too much: the document names the same fields too often"
            raise limit_exceeded(FieldFault("repetition", issue)) from None


class _PlainIntrospection(ValidationRule):
    """An alias for each part would have the whole schema told many times over."""

    def enter_field(self, node: FieldNode, *_: Any) -> None:
        parent = self.context.get_parent_type()
        within = parent is not None and is_introspection_type(parent)
        if node.alias and (within or node.name.value in {"__schema", "__type"}):
            self.report_error(GraphQLError("Introspection takes no aliases", node))


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of a valid document; `fields` are its root fields."""

    text: str
    document: DocumentNode
    node: OperationDefinitionNode
    fields: tuple[str, ...]

    @property
    def kind(self) -> OperationType:
        return self.node.operation

    @property
    def introspective(self) -> bool:
        """Whether it asks for nothing but the schema."""
        return all(field.startswith("__") for field in self.fields)

    @property
    def label(self) -> str:
        """A name that clients cannot make up: the root field, where there is one."""
        fields = {field for field in self.fields if not field.startswith("__")}
        if not fields:
            return "introspection"
        return fields.pop() if len(fields) == 1 else "several"


class Documents:
    """Documents within the limits; those used last are kept."""

    def __init__(
        self, schema: GraphQLSchema, max_length: int, max_tokens: int, *, introspection: bool
    ) -> None:
        self._schema = schema
        self._max_length = max_length
        self._max_tokens = max_tokens
        self._introspection = introspection
        self._rules = [
            *(rule for rule in specified_rules if rule is not OverlappingFieldsCanBeMergedRule),
            _FewComparisons,
            _PlainIntrospection if introspection else NoSchemaIntrospectionCustomRule,
        ]
        self._valid: OrderedDict[str, DocumentNode] = OrderedDict()
        self._kept = 0

    def kept(self, text: str) -> DocumentNode | None:
        """The document of that text, where it was found to be valid before."""
        document = self._valid.get(text)
        if document is not None:
            self._valid.move_to_end(text)
        return document

    def operation(self, text: str, document: DocumentNode, name: str | None) -> Operation:
        """The operation of that name, or the only one; raises `RefusedError`."""
        node = get_operation_ast(document, name)
        if node is None:
            fault = FieldFault("operationName", "must name an operation of the document")
            raise refusal(AppError(ErrorCode.VALIDATION_ERROR, details=[fault]))
        return Operation(text, document, node, tuple(_root_fields(document, node)))

    def check_length(self, text: str) -> None:
        """Refuse what would take long even to read; raises `RefusedError`."""
        if len(text) > self._max_length:
            graphql_refused.labels("length").inc()
            known = f"is {len(text)}, and must be at most {self._max_length}"
            raise limit_exceeded(FieldFault("length", known))

    def parse(self, text: str) -> DocumentNode:
        """The document, yet to be validated; raises `RefusedError`."""
        with self._within_limits():
            return parse(text, max_tokens=self._max_tokens, allow_empty_selection_sets=False)

    def validate(self, text: str, document: DocumentNode) -> None:
        """Keep the document if it is valid, and not very long; raises `RefusedError`."""
        with self._within_limits():
            # The other rules read and repeat the tokens, and this one is seldom needed.
            doubtful = _DOUBTFUL.search(text)
            errors = validate(self._schema, document, [_ShortTokens]) if doubtful else []
            errors = errors or validate(
                self._schema,
                document,
                self._rules,
                max_errors=_MOST_ERRORS,
                hide_suggestions=not self._introspection,
            )
        if errors:
            raise document_refused(ErrorCode.VALIDATION_ERROR, errors)
        if len(text) > _LONGEST_KEPT:
            return
        # Another request may have had it validated meanwhile.
        self._kept += 0 if text in self._valid else len(text)
        self._valid[text] = document
        while self._kept > _KEPT_CHARACTERS:
            oldest, _ = self._valid.popitem(last=False)
            self._kept -= len(oldest)

    @contextmanager
    def _within_limits(self) -> Iterator[None]:
        try:
            yield
        except GraphQLError as error:
            if "Document contains more than" in error.message:
                graphql_refused.labels("tokens").inc()
                fault = FieldFault("tokens", f"must be at most {self._max_tokens}")
                raise limit_exceeded(fault) from None
            raise document_refused(ErrorCode.MALFORMED_REQUEST, [error]) from None
        except RecursionError:
            graphql_refused.labels("depth").inc()
            raise limit_exceeded(FieldFault("depth", "is far too great")) from None


def _root_fields(document: DocumentNode, node: OperationDefinitionNode) -> dict[str, None]:
    """The names of the root fields, each once, in their order."""
    fragments: dict[str, Any] = {
        definition.name.value: definition
        for definition in document.definitions
        if isinstance(definition, FragmentDefinitionNode)
    }
    found: dict[str, None] = {}
    seen: set[str] = set()

    def collect(selected: SelectionSetNode) -> None:
        for selection in selected.selections:
            if isinstance(selection, FieldNode):
                found[selection.name.value] = None
            elif isinstance(selection, InlineFragmentNode):
                collect(selection.selection_set)
            elif (spread := selection.name.value) not in seen:  # type: ignore[attr-defined]
                seen.add(spread)
                collect(fragments[spread].selection_set)

    collect(node.selection_set)
    return found
