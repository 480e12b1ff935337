"""Who may do what: every root field against every role, and the order of refusals."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from app.transport.schema import ACCESS
from tests.support.graphql import CANCEL, CREATE, GET, PLACE, UPDATE, codes, create, run, send
from tests.support.orders import order_draft
from tests.support.paths import path

ROLES = ("anonymous", "viewer", "member", "admin")
ID = str(uuid4())
DENIED, REFUSED, LOST, OK = ["UNAUTHENTICATED"], ["FORBIDDEN"], ["NOT_FOUND"], list[str]()
OPERATIONS: dict[tuple[str, str], tuple[str, dict[str, Any], tuple[list[str], ...]]] = {
    ("Query", "order"): (GET, {"id": ID}, (DENIED, LOST, LOST, LOST)),
    ("Query", "orders"): ("{ orders { nodes { id } } }", {}, (DENIED, OK, OK, OK)),
    ("Query", "me"): ("{ me { id } }", {}, (DENIED, OK, OK, OK)),
    ("Mutation", "createOrder"): (CREATE, {"input": order_draft()}, (DENIED, REFUSED, OK, OK)),
    ("Mutation", "updateOrder"): (
        UPDATE,
        {"id": ID, "version": 1, "input": {"customerReference": "x"}},
        (DENIED, REFUSED, LOST, LOST),
    ),
    ("Mutation", "placeOrder"): (PLACE, {"id": ID}, (DENIED, REFUSED, LOST, LOST)),
    ("Mutation", "cancelOrder"): (CANCEL, {"id": ID}, (DENIED, REFUSED, LOST, LOST)),
}


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("field", OPERATIONS, ids=".".join)
def test_each_role_may_do_what_the_table_says(
    request: pytest.FixtureRequest, field: tuple[str, str], role: str
) -> None:
    query, variables, expected = OPERATIONS[field]
    client: httpx2.Client = request.getfixturevalue(role)
    assert codes(send(client, query, **variables)) == expected[ROLES.index(role)]


def test_the_table_holds_every_field_that_is_decided_upon() -> None:
    # Subscriptions have tests of their own.
    assert {field for field in ACCESS if field[0] != "Subscription"} == set(OPERATIONS)


@pytest.mark.parametrize(
    ("body", "media_type"),
    [
        (b"{", "application/json"),
        (b"{", "text/x"),
        (b'{"query": "{"}', "application/json"),
        (b'{"query": "{ nonsense }"}', "application/json"),
        (b'{"query": "{ __typename me { id } }"}', "application/json"),
        (b'[{"query": "{ __typename }"}, {"query": "{ me { id } }"}]', "application/json"),
    ],
)
def test_nothing_else_is_judged_without_credentials(
    anonymous: httpx2.Client, body: bytes, media_type: str
) -> None:
    response = anonymous.post("/graphql", content=body, headers={"Content-Type": media_type})
    assert response.status_code == 401
    assert codes(response) == ["UNAUTHENTICATED"]
    assert response.headers["WWW-Authenticate"] == "Bearer"


def test_bad_credentials_are_told_from_none(anonymous: httpx2.Client) -> None:
    response = send(anonymous, "{ __typename }", {"Authorization": "Bearer x.y.z"})
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'


def test_the_schema_is_told_without_credentials_in_development(anonymous: httpx2.Client) -> None:
    assert run(anonymous, "{ __schema { queryType { name } } }") == {"queryType": {"name": "Query"}}
    assert run(anonymous, "query { ...All } fragment All on Query { __typename }") == "Query"


def test_input_is_not_judged_without_permission(viewer: httpx2.Client) -> None:
    response = send(viewer, CREATE, input={"nonsense": 1})
    assert response.status_code == 403
    assert codes(response) == ["FORBIDDEN"]
    assert 'error="insufficient_scope"' in response.headers["WWW-Authenticate"]


def test_a_permission_that_is_missing_is_found_in_fragments(viewer: httpx2.Client) -> None:
    query = """
    mutation ($id: ID!) { ...Place }
    fragment Place on Mutation { ... on Mutation { placeOrder(id: $id) { replayed } } }
    """
    assert send(viewer, query, id=ID).status_code == 403


def test_acts_are_in_the_audit_trail(member: httpx2.Client, admin: httpx2.Client) -> None:
    created = send(member, CREATE, {"X-Request-ID": "audit-1"}, input=order_draft()).json()
    trail = f"orders/{created['data']['createOrder']['order']['id']}"
    run(member, PLACE, id=trail.partition("/")[2])
    events = admin.get(path("/audit-events"), params={"object": trail}).json()["data"]
    assert [event["action"] for event in events] == ["orders.place", "orders.create"]
    assert events[1]["request_id"] == "audit-1"
    assert events[1]["outcome"] == "success"
    assert events[1]["client_address"] == "127.0.0.1"


def test_the_audit_trail_is_paged(
    member: httpx2.Client, sign_in_as: Callable[[str], httpx2.Client]
) -> None:
    order = create(member)["id"]
    run(member, PLACE, id=order)
    run(member, CANCEL, id=order)
    admin = sign_in_as("admin")
    seen = []
    response = admin.get(path("/audit-events"), params={"object": f"orders/{order}", "limit": 1})
    while True:
        seen += [event["action"] for event in response.json()["data"]]
        if "next" not in response.links:
            break
        response = admin.get(response.links["next"]["url"])
    assert seen == ["orders.cancel", "orders.place", "orders.create"]


@pytest.mark.parametrize("role", ROLES)
def test_only_auditors_read_the_audit_trail(request: pytest.FixtureRequest, role: str) -> None:
    client: httpx2.Client = request.getfixturevalue(role)
    expected = (401, 403, 403, 200)[ROLES.index(role)]
    assert client.get(path("/audit-events")).status_code == expected
