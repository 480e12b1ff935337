"""How much an operation may ask for, each limit with its own error."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.accounts import sign_in
from tests.support.graphql import GRAPHQL, codes, errors, fields, run, send
from tests.support.service import Service, running_service

LIMITS = {
    "GRAPHQL_MAX_DEPTH": "5",
    "GRAPHQL_MAX_ALIASES": "3",
    "GRAPHQL_MAX_TOKENS": "100",
    "GRAPHQL_MAX_COST": "1000",
    "GRAPHQL_MAX_BATCH": "2",
    "GRAPHQL_MAX_PAGE": "20",
}
ID = "00000000-0000-0000-0000-000000000000"


@pytest.fixture(scope="module")
def limited(environment: dict[str, str], scratch: Path) -> Iterator[Service]:
    with running_service(environment, scratch, changes=LIMITS) as service:
        yield service


@pytest.fixture(scope="module")
def client(limited: Service) -> Iterator[httpx2.Client]:
    with limited.client(headers=sign_in(limited)) as made:
        yield made


@pytest.mark.parametrize(
    ("query", "limit", "told"),
    [
        (
            "{ orders { edges { node { owner { id } } } } me { id } }",
            "",
            "",
        ),
        (
            f'{{ a: order(id: "{ID}") {{ id }} b: order(id: "{ID}") {{ id: total }} }}',
            "",
            "",
        ),
        (
            f'{{ order(id: "{ID}") {{ a: id b: id c: id d: id }} }}',
            "aliases",
            "is 4, and must be at most 3",
        ),
        (
            f'{{ order(id: "{ID}") {{ ...A ...A }} }} fragment A on Order {{ a: id b: total }}',
            "aliases",
            "is 4, and must be at most 3",
        ),
        (f'{{ order(id: "{ID}") {{ {"id " * 100} }} }}', "tokens", "must be at most 100"),
        ("{ orders(first: 10) { nodes { id } } }", "", ""),
        ("{ orders(first: 21) { nodes { id } } }", "first", "is 21, and must be 1 to 20"),
        (
            "{ orders(first: 10) { nodes { lines { sku } } } }",
            "cost",
            "is 2011, and must be at most 1000",
        ),
    ],
)
def test_an_operation_over_a_limit_is_told_which(
    client: httpx2.Client, query: str, limit: str, told: str
) -> None:
    response = send(client, query, {"Accept": GRAPHQL})
    if not limit:
        assert response.status_code == 200, response.text
        return
    assert response.status_code == 400
    assert codes(response) == ["VALIDATION_ERROR"]
    assert "data" not in response.json()
    (error,) = errors(response)
    assert error["message"] == f"{limit} {told}"
    assert error["extensions"]["details"] == [{"field": limit, "issue": told}]


def test_depth_is_counted_through_fragments(service: Service) -> None:
    query = "{ orders { edges { node { ...Deep } } } } fragment Deep on Order { lines { sku } }"
    with service.client(headers=sign_in(service)) as wide:
        assert codes(send(wide, query)) == []


def test_an_operation_too_deep_is_told_so(
    start_service: Callable[..., Service],
) -> None:
    service = start_service(GRAPHQL_MAX_DEPTH="4")
    query = "{ orders { edges { node { ...Deep } } } } fragment Deep on Order { lines { sku } }"
    with service.client(headers=sign_in(service)) as client:
        response = send(client, query)
        assert fields(response) == ["depth"]
        assert errors(response)[0]["message"] == "depth is 5, and must be at most 4"


def test_the_faults_of_all_limits_come_at_once(client: httpx2.Client) -> None:
    query = "{ a: orders(first: 90) { b: nodes { c: lines { d: sku } } } }"
    assert fields(send(client, query)) == ["aliases", "cost", "first"]


def test_a_page_size_in_a_variable_counts(client: httpx2.Client) -> None:
    query = "query ($n: Int!, $m: Int! = 10) { orders(first: $n) { nodes { id } } %s }"
    other = "b: orders(first: $m) { nodes { lines { sku } } }"
    assert codes(send(client, query.replace(", $m: Int! = 10", "") % "", n=10)) == []
    assert fields(send(client, query.replace(", $m: Int! = 10", "") % "", n=21)) == ["first"]
    assert fields(send(client, query % other, n=1)) == ["cost"]
    assert codes(send(client, query % other, n=1, m=1)) == []


@pytest.mark.parametrize("size", [21.0, 2.0**31 - 1, 0.0, -(2.0**31)])
def test_a_page_size_with_a_point_counts_as_well(client: httpx2.Client, size: float) -> None:
    query = "query ($n: Int!) { orders(first: $n) { nodes { id } } }"
    assert "first" in fields(send(client, query, n=size))
    assert codes(send(client, query, n=20.0)) == []


@pytest.mark.parametrize("size", [2**31, 10**18, 1e300, -1e300])
def test_a_page_size_of_more_than_32_bits_is_no_integer(client: httpx2.Client, size: float) -> None:
    response = send(client, "query ($n: Int!) { orders(first: $n) { nodes { id } } }", n=size)
    assert fields(response) == ["n"]
    assert len(response.text) < 1000


@pytest.mark.parametrize(
    "query",
    [
        "query ($id: ID! = %s) { order(id: $id) { id } }",
        "query ($n: Int! = -%s) { orders(first: $n) { nodes { id } } }",
        "{ orders(first: %s) { nodes { id } } }",
        "mutation { placeOrder(id: %s) { order { id } } }",
    ],
)
def test_a_number_too_long_to_read_is_refused(member: httpx2.Client, query: str) -> None:
    response = send(member, query % ("9" * 5000), {"Accept": GRAPHQL})
    assert response.status_code == 400
    assert codes(response) == ["VALIDATION_ERROR"]
    assert "sys." not in response.text
    assert len(response.text) < 1000


@pytest.mark.parametrize(
    ("query", "variables"),
    [
        (f"query {'N' * 50_000} {{ order(id: $a) {{ a: id(x: $b, y: $c, z: $d) }} }}", {}),
        (f"{{ {'N' * 50_000} }}", {}),
        ("{ %s }" % ("\u00e9" * 50_000), {}),
        ("query ($x: OrderStatus) { orders(status: $x) { nodes { id } } }", {"x": "N" * 50_000}),
        ("query ($x: Int) { orders(first: $x) { nodes { id } } }", {"x": "N" * 50_000}),
        ('{ orders(status: "%s") { nodes { id } } }' % ("N" * 50_000), {}),
        (
            "mutation ($x: CreateOrderInput!) { createOrder(input: $x) { order { id } } }",
            {"x": {"lines": "N" * 50_000}},
        ),
    ],
)
def test_what_is_wrong_is_told_in_few_words(
    member: httpx2.Client, query: str, variables: dict[str, Any]
) -> None:
    response = send(member, query, **variables)
    assert codes(response)
    for error in errors(response):
        assert len(error["message"]) <= 512
        assert all(len(detail["issue"]) <= 512 for detail in error["extensions"]["details"])


@pytest.mark.parametrize(
    "query",
    [
        "{ orders { nodes { %s: id } } }",
        "query %s { me { id } }",
        "query ($%s: Int) { me { id } }",
        "{ ...%s }",
    ],
)
def test_a_name_that_an_answer_would_repeat_is_short(member: httpx2.Client, query: str) -> None:
    response = send(member, query % ("n" * 129), {"Accept": GRAPHQL})
    assert response.status_code == 400
    assert errors(response)[0]["message"] == "The document holds a name of more than 128 characters"
    assert codes(send(member, "{ me { %s: id } }" % ("n" * 128))) == []


def test_a_text_of_digits_is_not_a_number(member: httpx2.Client) -> None:
    query = f'{{ order(id: "{"9" * 50}") {{ id }} }} # {"9" * 50}'
    assert fields(send(member, query)) == ["id"]


@pytest.mark.parametrize(
    "query",
    [
        "query ($x: Int) { orders(first: $x) { nodes { id } } }",
        "query ($x: Int = null) { orders(first: $x) { nodes { id } } }",
        "query ($x: OrderSort) { orders(orderBy: $x) { nodes { id } } }",
    ],
)
def test_a_null_for_what_is_required_is_the_fault_of_the_caller(
    member: httpx2.Client, query: str
) -> None:
    response = send(member, query, x=None)
    assert codes(response) == ["VALIDATION_ERROR"]
    (error,) = errors(response)
    assert error["path"] == ["orders"]
    assert "not to be null" in error["message"] or "not to be None" in error["message"]


def test_a_batch_is_limited_in_number_and_in_cost(client: httpx2.Client) -> None:
    page = {"query": "{ orders(first: 4) { nodes { lines { sku } } } }"}
    response = client.post("/graphql", json=[{"query": "{ __typename }"}] * 3)
    assert response.status_code == 400
    assert fields(response) == ["batch"]
    assert fields(client.post("/graphql", json=[])) == ["batch"]
    assert fields(client.post("/graphql", json=[page, page])) == ["cost"]
    assert len(client.post("/graphql", json=[page, {"query": "{ me { id } }"}]).json()) == 2


@pytest.mark.parametrize(
    "query",
    [
        "{ a" * 300 + " }" * 300,
        "{ order(id: " + "[" * 900 + "]" * 90 + ") { id } }",
        "query { ...A } fragment A on Query { ...B ...B } fragment B on Query { ...A }",
        "{ __schema { types { fields { type { fields { type { fields { name } } } } } } } }",
        "".join(f"fragment F{n} on Query {{ ...F{n + 1} ...F{n + 1} }} " for n in range(60))
        + "fragment F60 on Query { __typename } { ...F0 }",
    ],
    ids=["nesting", "lists", "cycle", "introspection", "doubling"],
)
def test_a_document_made_to_exhaust_the_service_is_refused_or_answered_at_once(
    member: httpx2.Client, query: str
) -> None:
    response = send(member, query)
    assert response.status_code == 200
    assert response.elapsed.total_seconds() < 1
    assert set(codes(response)) <= {"VALIDATION_ERROR", "MALFORMED_REQUEST"}


@pytest.mark.parametrize(
    "query",
    [
        "{ %s }" % ("me { id } " * 200),
        "{ orders { nodes { %s } } }" % ("lines { sku } " * 200),
        "{ %s }" % ("orders { nodes { id } nodes { id } } " * 80),
        "{ ...A ...B } "
        + " ".join(f"fragment {name} on Query {{ {'me { id } ' * 100}}}" for name in "AB"),
        "{ me { %s } }" % ("x: id x: email " * 150),
    ],
    ids=["fields", "below", "both", "fragments", "conflicts"],
)
def test_a_document_that_repeats_itself_is_not_compared_to_the_end(
    member: httpx2.Client, query: str
) -> None:
    response = send(member, query, {"Accept": GRAPHQL})
    assert response.status_code == 400
    assert fields(response) == ["repetition"]
    assert "names the same fields too often" in errors(response)[0]["message"]


def test_the_fragments_of_a_page_may_name_the_same_fields(member: httpx2.Client) -> None:
    spreads = " ".join(f"...Part{n}" for n in range(12))
    fragments = " ".join(
        f"fragment Part{n} on Order {{ __typename id status total owner {{ id }} }}"
        for n in range(12)
    )
    query = f"{{ orders(first: 1) {{ nodes {{ {spreads} }} }} }} {fragments}"
    assert codes(send(member, query)) == []


@pytest.mark.parametrize(
    "query",
    [
        "{ a: __schema { types { name } } }",
        "{ __schema { a: types { name } } }",
        "{ __schema { types { ...A } } } fragment A on __Type { a: name }",
    ],
)
def test_introspection_takes_no_aliases(member: httpx2.Client, query: str) -> None:
    response = send(member, query, {"Accept": GRAPHQL})
    assert response.status_code == 400
    assert errors(response)[0]["message"] == "Introspection takes no aliases"


def test_refusals_are_measured(limited: Service, client: httpx2.Client) -> None:
    send(client, "{ orders(first: 99) { nodes { id } } }")
    text = client.get("/metrics").text
    assert 'graphql_refused_total{limit="first"}' in text


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("{ nonsense }", "VALIDATION_ERROR"),
        ("", "MALFORMED_REQUEST"),
    ],
)
@pytest.mark.parametrize("batch", [False, True])
def test_operations_refused_are_counted_by_code(
    client: httpx2.Client, query: str, code: str, batch: bool
) -> None:
    def count() -> float:
        begin = f'graphql_operations_refused_total{{code="{code}"}} '
        lines = client.get("/metrics").text.splitlines()
        return next((float(line.rpartition(" ")[2]) for line in lines if line.startswith(begin)), 0)

    before = count()
    body = {"query": query}
    assert client.post("/graphql", json=[body] if batch else body).status_code == 200
    assert count() == before + 1


@pytest.mark.parametrize("query", ["{ orders { nodes { id } } }", "{ me { id } }"])
def test_a_cheap_operation_is_within_the_limits(client: httpx2.Client, query: str) -> None:
    assert run(client, query.replace("orders", "orders(first: 2)"))
