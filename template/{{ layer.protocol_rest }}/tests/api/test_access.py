"""Who may do what: every operation against every caller, and the order of refusals."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from typing import Any

import httpx2
import pytest
from typer.testing import CliRunner

from app.cli import cli
from tests.support.accounts import account, credentials
from tests.support.authorization import Case, cases
from tests.support.orders import order_draft
from tests.support.paths import VERSION_HEADERS, path
from tests.support.service import Service

Caller = Callable[..., httpx2.Client]

OPERATIONS: dict[str, tuple[str, str, str, dict[str, Any] | None]] = {
    "create": ("createOrder", "POST", "/orders", order_draft()),
    "list": ("listOrders", "GET", "/orders", None),
    "get": ("getOrder", "GET", "/orders/{id}", None),
    "update": ("updateOrder", "PATCH", "/orders/{id}", {"customer_reference": "x"}),
    "place": ("placeOrder", "POST", "/orders/{id}/placements", None),
    "cancel": ("cancelOrder", "DELETE", "/orders/{id}", None),
    "audit": ("listAuditEvents", "GET", "/audit-events", None),
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
            return clients.enter_context(service.client(headers={**VERSION_HEADERS, **narrowed}))

        yield client


@pytest.fixture(scope="module")
def orders_of_another(other_member: httpx2.Client) -> str:
    return new_order(other_member)


def new_order(client: httpx2.Client) -> str:
    order: str = client.post(path("/orders"), json=order_draft()).raise_for_status().json()["id"]
    return order


@pytest.mark.parametrize("case", cases(*OPERATIONS), ids=str)
def test_who_may_do_what(case: Case, caller: Caller, orders_of_another: str) -> None:
    order = new_order(caller(case.role)) if case.owned else orders_of_another
    _, method, url, body = OPERATIONS[case.operation]
    client = caller(case.role, case.scope)
    response = client.request(
        method, path(url.format(id=order)), json=body, headers={"If-Match": "*"}
    )
    code = response.json()["error"]["code"] if response.is_error else None
    assert code == case.expected, response.text


def test_a_list_has_the_callers_own_orders_or_all(caller: Caller, orders_of_another: str) -> None:
    own = new_order(caller("member"))
    listed = {role: set(listed_by(caller(role))) for role in ("viewer", "member", "admin")}
    assert own in listed["member"] & listed["admin"]
    assert own not in listed["viewer"]
    assert orders_of_another not in listed["member"] | listed["viewer"]


def listed_by(client: httpx2.Client) -> Iterator[str]:
    """The orders of all pages: other tests make some that come before any other."""
    page = client.get(path("/orders"), params={"limit": 100})
    while True:
        yield from (order["id"] for order in page.json()["data"])
        if "next" not in page.links:
            return
        page = client.get(page.links["next"]["url"])


@pytest.fixture(scope="module")
def document(environment: dict[str, str]) -> Any:
    printed = CliRunner().invoke(cli, ["openapi"], env=environment, catch_exceptions=False)
    return json.loads(printed.stdout)


def test_the_table_holds_every_operation_that_needs_a_permission(document: Any) -> None:
    guarded = {
        operation["operationId"]
        for item in document["paths"].values()
        for operation in item.values()
        # The tests of the authentication are about its own.
        if operation.get("x-permission") and operation["tags"] != ["auth"]
    }
    assert guarded == {name for name, *_ in OPERATIONS.values()}


def test_every_operation_says_who_may_call_it(document: Any) -> None:
    for item in document["paths"].values():
        for operation in item.values():
            assert isinstance(operation["security"], list), operation["operationId"]


def test_a_malformed_body_without_credentials_is_unauthenticated(anonymous: httpx2.Client) -> None:
    response = anonymous.post(path("/orders"), content=b"{", headers={"Content-Type": "text/x"})
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_malformed_body_without_permission_is_forbidden(viewer: httpx2.Client) -> None:
    response = viewer.post(path("/orders"), content=b"{")
    assert response.status_code == 403
    assert 'error="insufficient_scope"' in response.headers["WWW-Authenticate"]


def test_another_media_type_is_refused_before_the_body_is_read(member: httpx2.Client) -> None:
    for media_type in ("text/plain", "application/xml", ""):
        headers = {"Content-Type": media_type} if media_type else {}
        response = member.post(path("/orders"), content=b"{", headers=headers)
        assert response.status_code == 415, media_type
        assert response.json()["error"]["code"] == "UNSUPPORTED_MEDIA_TYPE"


def test_acts_are_in_the_audit_trail(member: httpx2.Client, admin: httpx2.Client) -> None:
    headers = {"X-Request-ID": "audit-1", "X-Forwarded-For": "203.0.113.1"}
    created = member.post(path("/orders"), json=order_draft(), headers=headers)
    trail = f"orders/{created.json()['id']}"
    member.post(path(f"/{trail}/placements"))
    events = admin.get(path("/audit-events"), params={"object": trail}).json()["data"]
    assert [event["action"] for event in events] == ["orders.place", "orders.create"]
    assert events[1]["request_id"] == "audit-1"
    assert events[1]["outcome"] == "success"
    assert events[1]["client_address"] == "127.0.0.1", "a forged address is not believed"


def test_the_audit_trail_is_paged(
    member: httpx2.Client, sign_in_as: Callable[[str], httpx2.Client]
) -> None:
    order = member.post(path("/orders"), json=order_draft()).json()["id"]
    member.post(path(f"/orders/{order}/placements"))
    member.delete(path(f"/orders/{order}"))
    admin = sign_in_as("admin")
    seen = []
    response = admin.get(path("/audit-events"), params={"object": f"orders/{order}", "limit": 1})
    while True:
        seen += [event["action"] for event in response.json()["data"]]
        if "next" not in response.links:
            break
        response = admin.get(response.links["next"]["url"])
    assert seen == ["orders.cancel", "orders.place", "orders.create"]
