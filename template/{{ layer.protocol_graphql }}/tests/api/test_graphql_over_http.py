"""GraphQL-over-HTTP: media types, statuses, methods and batches."""

import json
from typing import Any

import httpx2
import pytest

from tests.support.graphql import CREATE, GRAPHQL, PLACE, codes, create, errors, run, send
from tests.support.orders import order_draft

NAME = "{ __typename }"
JSON = "application/json"


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        (None, JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        (JSON, JSON),
        (GRAPHQL, GRAPHQL),
        (f"{GRAPHQL}, {JSON};q=0.9", GRAPHQL),
        (f"{JSON}, {GRAPHQL};q=0.9", JSON),
        (f"{GRAPHQL}, */*", GRAPHQL),
        (f"{GRAPHQL};q=0, */*", JSON),
        ("text/html, */*;q=0.8", JSON),
    ],
)
def test_the_media_type_is_the_one_wanted(
    member: httpx2.Client, accept: str | None, media_type: str
) -> None:
    request = member.build_request("POST", "/graphql", json={"query": NAME})
    del request.headers["Accept"]
    if accept:
        request.headers["Accept"] = accept
    response = member.send(request)
    assert response.status_code == 200
    assert response.headers["Content-Type"] == f"{media_type}; charset=utf-8"
    assert response.json() == {"data": {"__typename": "Query"}}


@pytest.mark.parametrize("accept", ["text/html", "application/vnd.other+json", f"{JSON};q=0"])
def test_another_media_type_is_not_to_be_had(member: httpx2.Client, accept: str) -> None:
    response = send(member, NAME, {"Accept": accept})
    assert response.status_code == 406
    assert codes(response) == ["NOT_ACCEPTABLE"]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("{", "MALFORMED_REQUEST"),
        ("{ nonsense }", "VALIDATION_ERROR"),
        ("query A { __typename } query B { __typename }", "VALIDATION_ERROR"),
        ("query ($first: Int!) { orders(first: $first) { nodes { id } } }", "VALIDATION_ERROR"),
    ],
)
def test_what_is_not_executed_is_a_status_for_those_who_know(
    member: httpx2.Client, query: str, code: str
) -> None:
    for accept, status in ((GRAPHQL, 400), (JSON, 200)):
        response = send(member, query, {"Accept": accept})
        assert response.status_code == status
        assert "data" not in response.json()
        assert codes(response) == [code]
        assert errors(response)[0]["extensions"]["request_id"] == response.headers["X-Request-ID"]


def test_every_fault_of_a_document_is_told_with_its_place(member: httpx2.Client) -> None:
    response = send(member, "{ one two }")
    assert codes(response) == ["VALIDATION_ERROR"] * 2
    assert [error["locations"] for error in errors(response)] == [
        [{"line": 1, "column": 3}],
        [{"line": 1, "column": 7}],
    ]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"query": 1}, "query"),
        ({"query": NAME, "operationName": []}, "operationName"),
        ({"query": NAME, "variables": "x"}, "variables"),
        ({"query": NAME, "extensions": 1}, "extensions"),
    ],
)
def test_a_parameter_of_another_type_is_named(
    member: httpx2.Client, body: dict[str, Any], field: str
) -> None:
    response = member.post("/graphql", json=body)
    assert response.status_code == 400
    assert codes(response) == ["MALFORMED_REQUEST"]
    assert errors(response)[0]["extensions"]["details"][0]["field"] == field


@pytest.mark.parametrize("body", [b"", b"{", b'"x"', b"{}", b"null", b"[]", b'{"a": 1, "a": 1}'])
def test_a_body_that_is_no_request_is_malformed(member: httpx2.Client, body: bytes) -> None:
    response = member.post("/graphql", content=body, headers={"Content-Type": JSON})
    assert response.status_code == 400
    assert codes(response) == ["MALFORMED_REQUEST"]


@pytest.mark.parametrize(
    "media_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/graphql",
        "application/json; charset=latin-1",
        "",
    ],
)
def test_what_a_form_could_send_is_refused(member: httpx2.Client, media_type: str) -> None:
    headers = {"Content-Type": media_type} if media_type else {}
    body = json.dumps({"query": NAME}).encode()
    response = member.post("/graphql", content=body, headers=headers)
    assert response.status_code == 415
    assert codes(response) == ["UNSUPPORTED_MEDIA_TYPE"]


def test_a_query_may_be_sent_with_get(member: httpx2.Client) -> None:
    order = create(member)["id"]
    query = "query Other { __typename } query Get($id: ID!) { order(id: $id) { id } }"
    parameters = {"query": query, "operationName": "Get", "variables": json.dumps({"id": order})}
    response = member.get("/graphql", params=parameters)
    assert response.json() == {"data": {"order": {"id": order}}}
    assert member.head("/graphql", params=parameters).status_code == 200


def test_a_mutation_may_not_be_sent_with_get(member: httpx2.Client) -> None:
    order = create(member)["id"]
    parameters = {"query": PLACE, "variables": json.dumps({"id": order})}
    response = member.get("/graphql", params=parameters)
    assert response.status_code == 405
    assert codes(response) == ["METHOD_NOT_ALLOWED"]
    assert "POST" in response.headers["Allow"]
    assert run(member, "query ($id: ID!) { order(id: $id) { version } }", id=order)["version"] == 1


@pytest.mark.parametrize("parameters", [{}, {"query": NAME, "variables": "{"}, {"query": ""}])
def test_a_query_string_that_is_no_request_is_malformed(
    member: httpx2.Client, parameters: dict[str, str]
) -> None:
    response = member.get("/graphql", params=parameters)
    assert response.status_code == 400
    assert codes(response) == ["MALFORMED_REQUEST"]


def test_another_method_is_told_the_right_ones(member: httpx2.Client) -> None:
    response = member.put("/graphql", json={"query": NAME})
    assert response.status_code == 405
    assert response.headers["Allow"] == "GET, HEAD, OPTIONS, POST"


def test_a_subscription_is_not_served_over_http(member: httpx2.Client) -> None:
    query = 'subscription { orderStatusChanged(id: "x") { id } }'
    response = send(member, query, {"Accept": GRAPHQL})
    assert response.status_code == 400
    assert codes(response) == ["MALFORMED_REQUEST"]


def test_a_batch_is_answered_in_its_order(member: httpx2.Client) -> None:
    draft = {"query": CREATE, "variables": {"input": order_draft(customerReference="PO 9")}}
    newest = {"query": "{ orders(first: 1) { nodes { customerReference } } }"}
    answers = member.post("/graphql", json=[draft, {"query": "{ nonsense }"}, newest]).json()
    assert len(answers) == 3
    assert answers[1]["errors"][0]["extensions"]["code"] == "VALIDATION_ERROR"
    assert answers[2]["data"]["orders"]["nodes"] == [{"customerReference": "PO 9"}]


def test_errors_of_the_layers_around_graphql_have_its_shape(member: httpx2.Client) -> None:
    response = member.post("/graphql", content=b"x" * 2_000_000, headers={"Content-Type": JSON})
    assert response.status_code == 413
    assert codes(response) == ["PAYLOAD_TOO_LARGE"]
    assert errors(response)[0]["extensions"]["request_id"] == response.headers["X-Request-ID"]
    response = send(member, NAME, {"Host": "evil.example", "Accept": GRAPHQL})
    assert response.status_code == 400
    assert response.headers["Content-Type"].startswith(GRAPHQL)
    assert codes(response) == ["MALFORMED_REQUEST"]


def test_a_name_of_unknown_operations_is_refused(member: httpx2.Client) -> None:
    response = member.post("/graphql", json={"query": NAME, "operationName": "Lost"})
    assert codes(response) == ["VALIDATION_ERROR"]


def test_variables_may_leave_fields_out_by_directives(member: httpx2.Client) -> None:
    query = "query ($wanted: Boolean!) { me { id @include(if: $wanted) roles @skip(if: $wanted) } }"
    assert list(run(member, query, wanted=True)) == ["id"]
    assert list(run(member, query, wanted=False)) == ["roles"]


@pytest.mark.parametrize("name", ["query", "operationName", "variables", "extensions"])
def test_a_parameter_given_twice_is_refused(member: httpx2.Client, name: str) -> None:
    texts = {"query": NAME, name: NAME if name == "query" else "{}"}
    response = member.get("/graphql", params=[*texts.items(), (name, texts[name])])
    assert response.status_code == 400
    assert codes(response) == ["MALFORMED_REQUEST"]
    assert errors(response)[0]["extensions"]["details"][0]["field"] == name
