"""The life of one order."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx2
import pytest

from tests.support.orders import order_draft, order_line
from tests.support.paths import path

ORDERS = path("/orders")


def create(client: httpx2.Client, **changes: Any) -> dict[str, Any]:
    response = client.post(ORDERS, json=order_draft(**changes))
    assert response.status_code == 201, response.text
    order: dict[str, Any] = response.json()
    return order


def test_a_new_order_is_a_draft_with_a_total_of_the_server(member: httpx2.Client) -> None:
    lines = [order_line(quantity=3, unit_price="0.10"), order_line(quantity=1, unit_price="7")]
    response = member.post(ORDERS, json=order_draft(customer_reference="PO 1", lines=lines))
    order = response.json()
    assert response.status_code == 201
    assert order["status"] == "draft"
    assert order["total"] == "7.30"
    assert order["lines"][1]["unit_price"] == "7.00"
    assert order["customer_reference"] == "PO 1"
    assert order["version"] == 1
    assert UUID(order["id"]).version == 7
    assert "owner" not in order
    assert response.headers["ETag"] == '"1"'
    assert response.headers["Location"] == f"{ORDERS}/{order['id']}"
    age = datetime.now(UTC) - datetime.fromisoformat(order["created_at"])
    assert 0 <= age.total_seconds() < 60
    assert order["created_at"].endswith("Z")


def test_an_order_reads_as_it_was_made(member: httpx2.Client) -> None:
    lines = [order_line(sku=f"SKU-{n}", quantity=n + 1) for n in range(5)]
    created = create(member, lines=lines)
    response = member.get(f"{ORDERS}/{created['id']}")
    assert response.status_code == 200
    assert response.json() == created
    assert response.headers["ETag"] == '"1"'


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"customer_reference": ""}, "customer_reference"),
        ({"customer_reference": "x" * 65}, "customer_reference"),
        ({"customer_reference": "a\nb"}, "customer_reference"),
        ({"customer_reference": None}, "customer_reference"),
        ({"currency": "euro"}, "currency"),
        ({"lines": []}, "lines"),
        ({"lines": [order_line()] * 101}, "lines"),
        ({"lines": [order_line(quantity=0)]}, "lines[0].quantity"),
        ({"lines": [order_line(quantity="1")]}, "lines[0].quantity"),
        ({"lines": [order_line(quantity=1.5)]}, "lines[0].quantity"),
        ({"lines": [order_line(quantity=True)]}, "lines[0].quantity"),
        ({"lines": [order_line(quantity=10_001)]}, "lines[0].quantity"),
        ({"lines": [order_line(unit_price="-1")]}, "lines[0].unit_price"),
        ({"lines": [order_line(unit_price="1.234")]}, "lines[0].unit_price"),
        ({"lines": [order_line(unit_price="\u0661")]}, "lines[0].unit_price"),
        ({"lines": [order_line(unit_price=4.5)]}, "lines[0].unit_price"),
        ({"lines": [order_line(unit_price="1e3")]}, "lines[0].unit_price"),
        ({"lines": [order_line(sku="with space")]}, "lines[0].sku"),
        ({"lines": [order_line(), order_line(sku="")]}, "lines[1].sku"),
        ({"total": "1.00"}, "total"),
        ({"status": "placed"}, "status"),
    ],
)
def test_a_field_that_breaks_a_rule_is_named(
    member: httpx2.Client, changes: dict[str, Any], field: str
) -> None:
    response = member.post(ORDERS, json=order_draft(**changes))
    error = response.json()["error"]
    assert response.status_code == 422
    assert error["code"] == "VALIDATION_ERROR"
    assert [fault["field"] for fault in error["details"]] == [field]


def test_all_faults_come_in_one_response(member: httpx2.Client) -> None:
    response = member.post(ORDERS, json={"currency": "x", "lines": [{"quantity": 0}]})
    fields = {fault["field"] for fault in response.json()["error"]["details"]}
    assert fields == {
        "customer_reference",
        "currency",
        "lines[0].sku",
        "lines[0].quantity",
        "lines[0].unit_price",
    }


def test_faults_are_bounded_as_the_document_says(member: httpx2.Client) -> None:
    response = member.post(ORDERS, json=order_draft(**{f"{n:0300}": n for n in range(2000)}))
    details = response.json()["error"]["details"]
    assert response.status_code == 422
    assert len(details) == 1000
    assert max(len(fault["field"]) for fault in details) == 256


def test_an_id_that_is_none_is_a_validation_error(member: httpx2.Client) -> None:
    response = member.get(f"{ORDERS}/42")
    assert response.status_code == 422
    assert response.json()["error"]["details"][0]["field"] == "order_id"


def test_a_merge_patch_changes_what_it_names(member: httpx2.Client) -> None:
    created = create(member)
    response = member.patch(
        f"{ORDERS}/{created['id']}",
        content=b'{"customer_reference": "PO 2"}',
        headers={"If-Match": '"1"', "Content-Type": "application/merge-patch+json"},
    )
    changed = response.json()
    assert response.status_code == 200
    assert response.headers["ETag"] == '"2"'
    assert changed["customer_reference"] == "PO 2"
    assert changed["lines"] == created["lines"]
    assert changed["version"] == 2
    assert changed["updated_at"] > created["updated_at"]
    assert member.get(f"{ORDERS}/{created['id']}").json() == changed


def test_patched_lines_change_the_total(member: httpx2.Client) -> None:
    created = create(member)
    lines = [order_line(quantity=10, unit_price="1.05")]
    response = member.patch(
        f"{ORDERS}/{created['id']}", json={"lines": lines}, headers={"If-Match": '"1"'}
    )
    assert response.json()["total"] == "10.50"
    assert member.get(f"{ORDERS}/{created['id']}").json()["lines"] == response.json()["lines"]


@pytest.mark.parametrize(
    ("patch", "field"),
    [
        ({}, "body"),
        ({"customer_reference": None}, "customer_reference"),
        ({"customer_reference": ""}, "customer_reference"),
        ({"currency": "USD"}, "currency"),
        ({"lines": None}, "lines"),
        ({"lines": [order_line(quantity=0)]}, "lines[0].quantity"),
    ],
)
def test_a_patch_that_cannot_be_is_refused(
    member: httpx2.Client, patch: dict[str, Any], field: str
) -> None:
    created = create(member)
    response = member.patch(f"{ORDERS}/{created['id']}", json=patch, headers={"If-Match": '"1"'})
    assert response.status_code == 422
    assert [fault["field"] for fault in response.json()["error"]["details"]] == [field]


def test_placing_a_draft_is_accepted_once(member: httpx2.Client) -> None:
    created = create(member)
    placed = member.post(f"{ORDERS}/{created['id']}/placements")
    assert placed.status_code == 202
    assert placed.json()["status"] == "placed"
    again = member.post(f"{ORDERS}/{created['id']}/placements")
    assert again.status_code == 409
    assert again.json()["error"]["code"] == "INVALID_STATE"


def test_a_placed_order_does_not_change(member: httpx2.Client) -> None:
    created = create(member)
    member.post(f"{ORDERS}/{created['id']}/placements")
    response = member.patch(
        f"{ORDERS}/{created['id']}", json={"customer_reference": "x"}, headers={"If-Match": "*"}
    )
    assert response.status_code == 409


def test_a_draft_or_placed_order_is_cancelled_once(member: httpx2.Client) -> None:
    for place in (False, True):
        order = f"{ORDERS}/{create(member)['id']}"
        if place:
            member.post(f"{order}/placements")
        response = member.delete(order)
        assert (response.status_code, response.content) == (204, b"")
        assert member.get(order).json()["status"] == "cancelled"
        assert member.delete(order).status_code == 409


def test_every_verb_of_somebody_elses_order_is_not_found(
    member: httpx2.Client, other_member: httpx2.Client
) -> None:
    order = f"{ORDERS}/{create(member)['id']}"
    answers = [
        other_member.get(order),
        other_member.patch(order, json={"customer_reference": "x"}, headers={"If-Match": "*"}),
        other_member.post(f"{order}/placements"),
        other_member.delete(order),
    ]
    assert [answer.status_code for answer in answers] == [404] * 4
    assert member.get(order).json()["status"] == "draft"


def test_who_may_read_all_sees_somebody_elses_order_and_cannot_change_it(
    member: httpx2.Client, admin: httpx2.Client
) -> None:
    created = create(member)
    order = f"{ORDERS}/{created['id']}"
    answers = [
        admin.patch(order, json={"customer_reference": "x"}, headers={"If-Match": "*"}),
        admin.post(f"{order}/placements"),
        admin.delete(order),
    ]
    assert [answer.status_code for answer in answers] == [403] * 3
    assert admin.get(order).json() == created
