"""Documents: parsed and validated once, then kept."""

import re
from collections import OrderedDict
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
    SelectionSetNode,
    get_operation_ast,
    parse,
    specified_rules,
    validate,
)

from app.errors import AppError, ErrorCode, FieldFault
from app.transport.graphql.errors import document_refused, limit_exceeded, refusal
from app.transport.graphql.metrics import graphql_refused

# A parsed document takes up to 300 times the memory of its text.
_KEPT_CHARACTERS = 200_000
_MOST_ERRORS = 20
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
    """Finds the operation that a request means; the documents used last are kept."""

    def __init__(self, schema: GraphQLSchema, max_tokens: int, *, introspection: bool) -> None:
        self._schema = schema
        self._max_tokens = max_tokens
        self._introspection = introspection
        rules = [] if introspection else [NoSchemaIntrospectionCustomRule]
        self._rules = [*specified_rules, *rules]
        self._valid: OrderedDict[str, DocumentNode] = OrderedDict()
        self._kept = 0

    def operation(self, text: str, name: str | None) -> Operation:
        """The operation of that name, or the only one; raises `RefusedError`."""
        document = self._valid.get(text)
        if document is None:
            document = self._check(text)
            self._keep(text, document)
        else:
            self._valid.move_to_end(text)
        node = get_operation_ast(document, name)
        if node is None:
            known = "must name an operation of the document"
            fault = FieldFault("operationName", known)
            raise refusal(AppError(ErrorCode.VALIDATION_ERROR, details=[fault]))
        return Operation(text, document, node, tuple(_root_fields(document, node)))

    def _keep(self, text: str, document: DocumentNode) -> None:
        self._valid[text] = document
        self._kept += len(text)
        while self._kept > _KEPT_CHARACTERS:
            oldest, _ = self._valid.popitem(last=False)
            self._kept -= len(oldest)

    def _check(self, text: str) -> DocumentNode:
        try:
            document = parse(text, max_tokens=self._max_tokens, allow_empty_selection_sets=False)
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
        except GraphQLError as error:
            if "Document contains more than" in error.message:
                graphql_refused.labels("tokens").inc()
                fault = FieldFault("tokens", f"must be at most {self._max_tokens}")
                raise limit_exceeded(fault) from None
            raise document_refused(ErrorCode.MALFORMED_REQUEST, [error]) from None
        except RecursionError:
            graphql_refused.labels("depth").inc()
            raise limit_exceeded(FieldFault("depth", "is far too great")) from None
        if errors:
            raise document_refused(ErrorCode.VALIDATION_ERROR, errors)
        return document


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
