"""Lists are Relay connections behind a keyset cursor."""

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from tests.support.graphql import PLACE, codes, create, fields, run, send

LIST = """
query List($first: Int!, $after: String, $status: OrderStatus, $orderBy: OrderSort!) {
  orders(first: $first, after: $after, status: $status, orderBy: $orderBy) {
    edges { cursor node { id } }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  }
}
"""


def make(client: httpx2.Client, number: int) -> list[str]:
    return [create(client)["id"] for _ in range(number)]


def page(client: httpx2.Client, **variables: Any) -> httpx2.Response:
    return send(client, LIST, **{"first": 20, "orderBy": "CREATED_AT_DESC", **variables})


def pages(client: httpx2.Client, **variables: Any) -> Iterator[dict[str, Any]]:
    more = True
    while more:
        response = page(client, **variables)
        found = response.json()["data"]["orders"]
        yield found
        more = found["pageInfo"]["hasNextPage"]
        variables["after"] = found["pageInfo"]["endCursor"]


def ids(found: dict[str, Any]) -> list[str]:
    return [edge["node"]["id"] for edge in found["edges"]]


def test_a_list_holds_the_callers_own_orders_the_newest_first(
    newcomer: httpx2.Client, other_member: httpx2.Client
) -> None:
    make(other_member, 1)
    created = make(newcomer, 3)
    (found,) = pages(newcomer)
    assert ids(found) == created[::-1]
    assert found["pageInfo"] == {
        "hasNextPage": False,
        "hasPreviousPage": False,
        "startCursor": found["edges"][0]["cursor"],
        "endCursor": found["edges"][-1]["cursor"],
    }
    nodes = run(newcomer, "{ orders { nodes { id } } }")["nodes"]
    assert [node["id"] for node in nodes] == ids(found)


def test_an_empty_list_has_no_cursors(newcomer: httpx2.Client) -> None:
    (found,) = pages(newcomer)
    assert found["edges"] == []
    assert found["pageInfo"]["startCursor"] is None
    assert found["pageInfo"]["endCursor"] is None


def test_pages_hold_every_order_once_while_others_are_made(newcomer: httpx2.Client) -> None:
    created = make(newcomer, 7)
    seen: list[str] = []
    for found in pages(newcomer, first=2):
        seen += ids(found)
        if found["pageInfo"]["hasNextPage"]:
            make(newcomer, 1)
    assert seen == created[::-1]


def test_every_edge_leads_on_from_itself(newcomer: httpx2.Client) -> None:
    created = make(newcomer, 4)
    edges = page(newcomer).json()["data"]["orders"]["edges"]
    after = page(newcomer, after=edges[1]["cursor"]).json()["data"]["orders"]
    assert ids(after) == created[1::-1]
    assert after["pageInfo"]["hasPreviousPage"] is True


def test_a_list_ascends_on_demand(newcomer: httpx2.Client) -> None:
    created = make(newcomer, 5)
    found = [o for each in pages(newcomer, first=2, orderBy="CREATED_AT_ASC") for o in ids(each)]
    assert found == created


def test_a_list_is_narrowed_by_status(newcomer: httpx2.Client) -> None:
    created = make(newcomer, 4)
    for order in created[:2]:
        run(newcomer, PLACE, id=order)
    found = [order for each in pages(newcomer, first=1, status="PLACED") for order in ids(each)]
    assert found == created[1::-1]


def test_who_may_read_all_lists_all(member: httpx2.Client, admin: httpx2.Client) -> None:
    (created,) = make(member, 1)
    assert created in ids(page(admin, first=100).json()["data"]["orders"])


@pytest.mark.parametrize("first", [0, 101, -1])
@pytest.mark.parametrize("literal", [False, True])
def test_a_page_size_outside_its_bounds_is_refused(
    member: httpx2.Client, first: int, literal: bool
) -> None:
    query = f"{{ orders(first: {first}) {{ nodes {{ id }} }} }}"
    response = send(member, query) if literal else page(member, first=first)
    assert codes(response) == ["VALIDATION_ERROR"]
    assert fields(response) == ["first"]


@pytest.mark.parametrize("cursor", ["", "x", "AAAA", "ä", "A" * 200, "A" * 10_000])
def test_a_cursor_of_the_callers_own_making_is_refused(member: httpx2.Client, cursor: str) -> None:
    assert codes(page(member, after=cursor)) == ["INVALID_CURSOR"]


def test_a_cursor_serves_only_the_list_and_caller_it_was_made_for(
    newcomer: httpx2.Client, other_member: httpx2.Client
) -> None:
    make(newcomer, 2)
    cursor = page(newcomer, first=1).json()["data"]["orders"]["pageInfo"]["endCursor"]
    tampered = ("B" if cursor[0] == "A" else "A") + cursor[1:]
    answers = [
        page(newcomer, after=cursor, status="DRAFT"),
        page(newcomer, after=cursor, orderBy="CREATED_AT_ASC"),
        page(newcomer, after=tampered),
        page(other_member, after=cursor),
    ]
    assert [codes(answer) for answer in answers] == [["INVALID_CURSOR"]] * 4
