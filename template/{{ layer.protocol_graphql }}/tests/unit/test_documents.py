"""Documents are parsed once, and kept within bounds."""

import pytest

from app.transport.graphql.documents import Documents, Operation
from app.transport.graphql.errors import RefusedError
from app.transport.schema import SCHEMA, executable


@pytest.fixture
def documents() -> Documents:
    return Documents(executable(SCHEMA), 65_536, 1000, introspection=False)


def found(documents: Documents, text: str, name: str | None = None) -> Operation:
    """The operation of a document, validated unless it was before."""
    document = documents.kept(text)
    if document is None:
        document = documents.parse(text)
        documents.validate(text, document)
    return documents.operation(text, document, name)


def test_a_document_is_parsed_once(documents: Documents) -> None:
    text = "query A { me { id } } query B { me { roles } }"
    one, two = found(documents, text, "A"), found(documents, text, "B")
    assert one.document is two.document
    assert (one.label, two.label) == ("me", "me")


def test_documents_are_kept_within_bounds(documents: Documents) -> None:
    first = found(documents, "{ me { id } }")
    for number in range(100):
        found(documents, f"{{ me {{ id }} }} # {number} {'x' * 5000}")
    assert found(documents, "{ me { id } }").document is not first.document
    assert sum(map(len, documents._valid)) <= 200_000


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("{ __typename }", "introspection"),
        ("{ me { id } __typename }", "me"),
        ("{ a: me { id } b: me { id } }", "me"),
        ("{ me { id } orders { nodes { id } } }", "several"),
    ],
)
def test_an_operation_is_labelled_by_its_root_fields(
    documents: Documents, text: str, label: str
) -> None:
    assert found(documents, text).label == label


def test_a_document_that_is_not_valid_is_refused_each_time(documents: Documents) -> None:
    for _ in range(2):
        with pytest.raises(RefusedError):
            found(documents, "{ nonsense }")
