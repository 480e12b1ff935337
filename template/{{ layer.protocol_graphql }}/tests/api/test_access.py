"""Who may do what: every root field against every caller, and the order of refusals."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from app.transport.schema import ACCESS
from tests.support.accounts import account, credentials
from tests.support.authorization import ON_AN_ORDER, Case, cases
from tests.support.graphql import CANCEL, CREATE, GET, PLACE, UPDATE, codes, create, run, send
from tests.support.orders import order_draft
from tests.support.paths import path
from tests.support.service import Service
from tests.support.sockets import CHANGES, SUBSCRIBED, code, socket_of

Caller = Callable[..., httpx2.Client]
OPERATIONS: dict[str, tuple[tuple[str, str], str, dict[str, Any]]] = {
    "create": (("Mutation", "createOrder"), CREATE, {"input": order_draft()}),
    "list": (("Query", "orders"), "{ orders { nodes { id } } }", {}),
    "get": (("Query", "order"), GET, {}),
    "update": (
        ("Mutation", "updateOrder"),
        UPDATE,
        {"version": 1, "input": {"customerReference": "x"}},
    ),
    "place": (("Mutation", "placeOrder"), PLACE, {}),
    "cancel": (("Mutation", "cancelOrder"), CANCEL, {}),
}


@pytest.fixture(scope="module")
def caller(service: Service) -> Iterator[Caller]:
    """A client of the one account that there is of the role here, with credentials so narrow."""
    with ExitStack() as clients:

        @cache
        def account_of(role: str) -> str:
            return account(service, role)

        @cache
        def client(role: str, scope: str | None = None) -> httpx2.Client:
            narrowed = {} if role == "anonymous" else credentials(service, account_of(role), scope)
            return clients.enter_context(service.client(headers=narrowed))

        yield client


@pytest.fixture(scope="module")
def order_of_another(other_member: httpx2.Client) -> str:
    order: str = create(other_member)["id"]
    return order


@pytest.mark.parametrize("case", cases(*OPERATIONS), ids=str)
def test_who_may_do_what(case: Case, caller: Caller, order_of_another: str) -> None:
    order = create(caller(case.role))["id"] if case.owned else order_of_another
    _, query, variables = OPERATIONS[case.operation]
    if case.operation in ON_AN_ORDER:
        variables = {**variables, "id": order}
    response = send(caller(case.role, case.scope), query, **variables)
    assert next(iter(codes(response)), None) == case.expected, response.text


def test_who_may_watch_what(caller: Caller, other_member: httpx2.Client, service: Service) -> None:
    # Nobody else gets as far as to subscribe.
    known = [case for case in cases("watch") if case.role != "anonymous"]
    orders = {
        case: create(caller(case.role) if case.owned else other_member)["id"] for case in known
    }
    with ExitStack() as connections:
        sockets = {case: connections.enter_context(socket_of(service)) for case in known}
        for case, socket in sockets.items():
            socket.initialise(caller(case.role, case.scope).headers)
            socket.subscribe("one", CHANGES, id=orders[case])
        time.sleep(SUBSCRIBED)
        for case, order in orders.items():
            run(caller(case.role) if case.owned else other_member, PLACE, id=order)
        told = {case: socket.receive() for case, socket in sockets.items()}
    codes_told = {
        case: None if message["type"] == "next" else code(message) for case, message in told.items()
    }
    assert codes_told == {case: case.expected for case in known}


def test_me_is_for_whoever_is_known(caller: Caller) -> None:
    assert codes(send(caller("anonymous"), "{ me { id } }")) == ["UNAUTHENTICATED"]
    for role in ("viewer", "member", "admin"):
        assert codes(send(caller(role), "{ me { id } }")) == [], role


def test_the_tables_hold_every_field_that_is_decided_upon() -> None:
    others = {("Query", "me"), ("Subscription", "orderStatusChanged")}
    assert set(ACCESS) == {field for field, *_ in OPERATIONS.values()} | others


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
    assert send(viewer, query, id=str(uuid4())).status_code == 403


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


@pytest.mark.parametrize("case", cases("audit"), ids=str)
def test_only_auditors_read_the_audit_trail(case: Case, caller: Caller) -> None:
    response = caller(case.role, case.scope).get(path("/audit-events"))
    assert (response.json()["error"]["code"] if response.is_error else None) == case.expected
