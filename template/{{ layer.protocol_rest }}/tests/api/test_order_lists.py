"""Lists are pages behind a keyset cursor."""

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from tests.support.orders import order_draft
from tests.support.paths import path

ORDERS = path("/orders")


def create(client: httpx2.Client, number: int) -> list[str]:
    drafts = (order_draft(customer_reference=f"n{n}") for n in range(number))
    return [client.post(ORDERS, json=draft).json()["id"] for draft in drafts]


def pages(client: httpx2.Client, **query: Any) -> Iterator[dict[str, Any]]:
    response = client.get(ORDERS, params=query)
    while True:
        assert response.status_code == 200, response.text
        yield response.json()
        following = response.links.get("next")
        if following is None:
            return
        response = client.get(following["url"])


def test_a_list_holds_the_callers_own_orders_the_newest_first(
    newcomer: httpx2.Client, other_member: httpx2.Client
) -> None:
    create(other_member, 1)
    created = create(newcomer, 3)
    page = newcomer.get(ORDERS).json()
    assert [order["id"] for order in page["data"]] == created[::-1]
    assert page["pagination"] == {"cursor": None, "has_more": False, "limit": 20}


def test_pages_hold_every_order_once_while_others_are_made(newcomer: httpx2.Client) -> None:
    created = create(newcomer, 7)
    seen: list[str] = []
    for page in pages(newcomer, limit=2):
        seen += [order["id"] for order in page["data"]]
        if page["pagination"]["has_more"]:
            create(newcomer, 1)
    assert seen == created[::-1]


def test_a_list_ascends_on_demand(newcomer: httpx2.Client) -> None:
    created = create(newcomer, 5)
    listed = [o["id"] for page in pages(newcomer, limit=2, sort="created_at") for o in page["data"]]
    assert listed == created


def test_a_list_is_narrowed_by_status(newcomer: httpx2.Client) -> None:
    created = create(newcomer, 4)
    for order in created[:2]:
        newcomer.post(f"{ORDERS}/{order}/placements")
    listed = [o["id"] for page in pages(newcomer, limit=1, status="placed") for o in page["data"]]
    assert listed == created[1::-1]


def test_who_may_read_all_lists_all(member: httpx2.Client, admin: httpx2.Client) -> None:
    (created,) = create(member, 1)
    listed = {order["id"] for order in admin.get(ORDERS, params={"limit": 100}).json()["data"]}
    assert created in listed


def test_the_next_page_is_linked_and_named(member: httpx2.Client) -> None:
    create(member, 2)
    response = member.get(ORDERS, params={"limit": 1, "status": "draft"})
    pagination = response.json()["pagination"]
    assert pagination["has_more"] is True
    assert pagination["limit"] == 1
    link = response.links["next"]["url"]
    assert link.startswith(f"{ORDERS}?")
    assert "status=draft" in link
    assert pagination["cursor"] in httpx2.URL(link).params["cursor"]


@pytest.mark.parametrize("limit", ["0", "101", "-1", "x", "", "1e2"])
def test_a_limit_outside_its_bounds_is_refused(member: httpx2.Client, limit: str) -> None:
    response = member.get(ORDERS, params={"limit": limit})
    assert response.status_code == 422
    assert response.json()["error"]["details"][0]["field"] == "limit"


@pytest.mark.parametrize(("name", "value"), [("status", "lost"), ("cursor", "A" * 513)])
def test_a_parameter_that_breaks_a_rule_is_named(
    member: httpx2.Client, name: str, value: str
) -> None:
    response = member.get(ORDERS, params={name: value})
    assert response.status_code == 422
    assert [fault["field"] for fault in response.json()["error"]["details"]] == [name]


@pytest.mark.parametrize("cursor", ["", "x", "AAAA", "ä", "A" * 200])
def test_a_cursor_of_the_callers_own_making_is_refused(member: httpx2.Client, cursor: str) -> None:
    response = member.get(ORDERS, params={"cursor": cursor})
    assert response.status_code == 400
    assert response.json()["error"]["code"] == "INVALID_CURSOR"


def test_a_cursor_serves_only_the_list_and_caller_it_was_made_for(
    member: httpx2.Client, other_member: httpx2.Client
) -> None:
    create(member, 2)
    cursor = member.get(ORDERS, params={"limit": 1}).json()["pagination"]["cursor"]
    tampered = ("B" if cursor[0] == "A" else "A") + cursor[1:]
    answers = [
        member.get(ORDERS, params={"cursor": cursor, "status": "draft"}),
        member.get(ORDERS, params={"cursor": cursor, "sort": "created_at"}),
        member.get(ORDERS, params={"cursor": tampered}),
        other_member.get(ORDERS, params={"cursor": cursor}),
    ]
    assert [answer.status_code for answer in answers] == [400] * 4


def test_an_unknown_parameter_is_refused(member: httpx2.Client) -> None:
    assert member.get(ORDERS, params={"state": "draft"}).status_code == 422


def test_a_repeated_parameter_is_refused(member: httpx2.Client) -> None:
    parameters = [("limit", "1"), ("limit", "2"), ("status", "draft"), ("status", "draft")]
    response = member.get(ORDERS, params=[*parameters, ("state", "draft")])
    assert response.status_code == 422
    error = response.json()["error"]
    assert error["code"] == "VALIDATION_ERROR"
    assert [fault["field"] for fault in error["details"]] == ["limit", "status", "state"]
