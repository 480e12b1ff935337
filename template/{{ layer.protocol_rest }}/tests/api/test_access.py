"""Who may do what: every operation against every role, and the order of refusals."""

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from typer.testing import CliRunner

from app.cli import cli
from tests.support.orders import order_draft
from tests.support.paths import path

ORDER = path(f"/orders/{uuid4()}")
ROLES = ("anonymous", "viewer", "member", "admin")

OPERATIONS = {
    "createOrder": ("POST", path("/orders"), (401, 403, 201, 201)),
    "listOrders": ("GET", path("/orders"), (401, 200, 200, 200)),
    "getOrder": ("GET", ORDER, (401, 404, 404, 404)),
    "updateOrder": ("PATCH", ORDER, (401, 403, 404, 404)),
    "placeOrder": ("POST", f"{ORDER}/placements", (401, 403, 404, 404)),
    "cancelOrder": ("DELETE", ORDER, (401, 403, 404, 404)),
    "listAuditEvents": ("GET", path("/audit-events"), (401, 403, 403, 200)),
}
BODIES: dict[str, Any] = {"POST": order_draft(), "PATCH": {"customer_reference": "x"}}


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_each_role_may_do_what_the_table_says(
    request: pytest.FixtureRequest, operation: str, role: str
) -> None:
    method, url, statuses = OPERATIONS[operation]
    client: httpx2.Client = request.getfixturevalue(role)
    body = None if url.endswith("placements") else BODIES.get(method)
    response = client.request(method, url, json=body, headers={"If-Match": "*"})
    assert response.status_code == statuses[ROLES.index(role)], response.text


@pytest.fixture(scope="module")
def document(environment: dict[str, str]) -> Any:
    printed = CliRunner().invoke(cli, ["openapi"], env=environment, catch_exceptions=False)
    return json.loads(printed.stdout)


def test_the_table_holds_every_operation_that_needs_a_permission(document: Any) -> None:
    guarded = {
        operation["operationId"]
        for item in document["paths"].values()
        for operation in item.values()
        if operation.get("x-permission")
    }
    assert guarded == set(OPERATIONS)


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
