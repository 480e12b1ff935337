"""The life of one order."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest

from tests.support.graphql import (
    CANCEL,
    CREATE,
    GET,
    PLACE,
    UPDATE,
    codes,
    create,
    errors,
    fields,
    run,
    send,
)
from tests.support.orders import order_draft, order_line


def test_a_new_order_is_a_draft_with_a_total_of_the_server(member: httpx2.Client) -> None:
    lines = [order_line(quantity=3, unitPrice="0.10"), order_line(quantity=1, unitPrice="7")]
    order = create(member, customerReference="PO 1", lines=lines)
    assert order["status"] == "DRAFT"
    assert order["total"] == "7.30"
    assert order["lines"][1]["unitPrice"] == "7.00"
    assert order["customerReference"] == "PO 1"
    assert order["version"] == 1
    assert UUID(order["id"]).version == 7
    age = datetime.now(UTC) - datetime.fromisoformat(order["createdAt"])
    assert 0 <= age.total_seconds() < 60
    assert order["createdAt"].endswith("Z")


def test_an_order_reads_as_it_was_made(member: httpx2.Client) -> None:
    lines = [order_line(sku=f"SKU-{n}", quantity=n + 1) for n in range(5)]
    created = create(member, lines=lines)
    assert run(member, GET, id=created["id"]) == created


def test_an_order_belongs_to_who_made_it(member: httpx2.Client) -> None:
    me = run(member, "{ me { id roles permissions } }")
    assert create(member)["owner"] == {"id": me["id"]}
    assert me["roles"] == ["MEMBER"]
    assert me["permissions"] == ["orders:read", "orders:write"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"customerReference": ""}, "customerReference"),
        ({"customerReference": "x" * 65}, "customerReference"),
        ({"customerReference": "a\nb"}, "customerReference"),
        ({"customerReference": None}, "customerReference"),
        ({"currency": "euro"}, "currency"),
        ({"lines": []}, "lines"),
        ({"lines": [order_line()] * 101}, "lines"),
        ({"lines": [order_line(quantity=0)]}, "lines[0].quantity"),
        ({"lines": [order_line(quantity="1")]}, "lines[0].quantity"),
        ({"lines": [order_line(quantity=1.5)]}, "lines[0].quantity"),
        ({"lines": [order_line(quantity=True)]}, "lines[0].quantity"),
        ({"lines": [order_line(quantity=10_001)]}, "lines[0].quantity"),
        ({"lines": [order_line(unitPrice="-1")]}, "lines[0].unitPrice"),
        ({"lines": [order_line(unitPrice="1.234")]}, "lines[0].unitPrice"),
        ({"lines": [order_line(unitPrice="\u0661")]}, "lines[0].unitPrice"),
        ({"lines": [order_line(unitPrice=4.5)]}, "lines[0].unitPrice"),
        ({"lines": [order_line(unitPrice="1e3")]}, "lines[0].unitPrice"),
        ({"lines": [order_line(sku="with space")]}, "lines[0].sku"),
        ({"lines": [order_line(), order_line(sku="")]}, "lines[1].sku"),
        ({"total": "1.00"}, "total"),
        ({"status": "PLACED"}, "status"),
    ],
)
def test_a_field_that_breaks_a_rule_is_named(
    member: httpx2.Client, changes: dict[str, Any], field: str
) -> None:
    response = send(member, CREATE, input=order_draft(**changes))
    assert codes(response) == ["VALIDATION_ERROR"]
    assert fields(response) == [field]


def test_all_faults_come_in_one_response(member: httpx2.Client) -> None:
    response = send(member, CREATE, input={"currency": "x", "lines": [{"quantity": 0}]})
    assert set(fields(response)) == {
        "customerReference",
        "currency",
        "lines[0].sku",
        "lines[0].quantity",
        "lines[0].unitPrice",
    }


def test_faults_are_bounded(member: httpx2.Client) -> None:
    response = send(member, CREATE, input=order_draft(**{f"x{n:0300}": n for n in range(2000)}))
    assert len(fields(response)) == 1000
    assert max(len(field) for field in fields(response)) == 256


@pytest.mark.parametrize(
    ("query", "variables", "field"),
    [
        (GET, {"id": None}, "id"),
        (GET, {}, "id"),
        (GET, {"id": {"a": 1}}, "id"),
        (UPDATE, {"id": "x", "version": "1", "input": {"customerReference": "x"}}, "version"),
        (CREATE, {"input": [1]}, "input"),
        (CREATE, {"input": "x"}, "input"),
    ],
)
def test_a_variable_of_another_type_is_named(
    member: httpx2.Client, query: str, variables: dict[str, Any], field: str
) -> None:
    response = send(member, query, **variables)
    assert codes(response) == ["VALIDATION_ERROR"]
    assert all(found.startswith(field) for found in fields(response))
    assert "data" not in response.json()


@pytest.mark.parametrize("query", [GET, PLACE, CANCEL])
def test_an_id_that_is_none_is_a_validation_error(member: httpx2.Client, query: str) -> None:
    response = send(member, query, id="42")
    assert codes(response) == ["VALIDATION_ERROR"]
    assert fields(response) == ["id"]


def test_an_update_changes_what_it_names(member: httpx2.Client) -> None:
    created = create(member)
    changed = run(member, UPDATE, id=created["id"], version=1, input={"customerReference": "PO 2"})[
        "order"
    ]
    assert changed["customerReference"] == "PO 2"
    assert changed["lines"] == created["lines"]
    assert changed["version"] == 2
    assert changed["updatedAt"] > created["updatedAt"]
    assert run(member, GET, id=created["id"]) == changed


def test_updated_lines_change_the_total(member: httpx2.Client) -> None:
    created = create(member)
    lines = [order_line(quantity=10, unitPrice="1.05")]
    changed = run(member, UPDATE, id=created["id"], version=1, input={"lines": lines})["order"]
    assert changed["total"] == "10.50"
    assert run(member, GET, id=created["id"])["lines"] == changed["lines"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({}, "input"),
        ({"customerReference": None}, "customerReference"),
        ({"customerReference": ""}, "customerReference"),
        ({"currency": "USD"}, "currency"),
        ({"lines": None}, "lines"),
        ({"lines": [order_line(quantity=0)]}, "lines[0].quantity"),
    ],
)
def test_an_update_that_cannot_be_is_refused(
    member: httpx2.Client, change: dict[str, Any], field: str
) -> None:
    response = send(member, UPDATE, id=create(member)["id"], version=1, input=change)
    assert codes(response) == ["VALIDATION_ERROR"]
    assert fields(response) == [field]


def test_placing_a_draft_is_accepted_once(member: httpx2.Client) -> None:
    order = create(member)["id"]
    assert run(member, PLACE, id=order)["order"]["status"] == "PLACED"
    assert codes(send(member, PLACE, id=order)) == ["INVALID_STATE"]


def test_a_placed_order_does_not_change(member: httpx2.Client) -> None:
    order = create(member)["id"]
    run(member, PLACE, id=order)
    response = send(member, UPDATE, id=order, version=2, input={"customerReference": "x"})
    assert codes(response) == ["INVALID_STATE"]


def test_a_draft_or_placed_order_is_cancelled_once(member: httpx2.Client) -> None:
    for place in (False, True):
        order = create(member)["id"]
        if place:
            run(member, PLACE, id=order)
        assert run(member, CANCEL, id=order)["order"]["status"] == "CANCELLED"
        assert run(member, GET, id=order)["status"] == "CANCELLED"
        assert codes(send(member, CANCEL, id=order)) == ["INVALID_STATE"]


def test_somebody_elses_order_is_not_found(
    member: httpx2.Client, other_member: httpx2.Client
) -> None:
    order = create(member)["id"]
    answers = [
        send(other_member, GET, id=order),
        send(other_member, UPDATE, id=order, version=1, input={"customerReference": "x"}),
        send(other_member, PLACE, id=order),
        send(other_member, CANCEL, id=order),
        send(other_member, GET, id=str(uuid4())),
    ]
    assert [codes(answer) for answer in answers] == [["NOT_FOUND"]] * 5
    assert run(member, GET, id=order)["status"] == "DRAFT"


def test_who_may_read_all_sees_somebody_elses_order_and_cannot_change_it(
    member: httpx2.Client, admin: httpx2.Client
) -> None:
    created = create(member)
    order = created["id"]
    answers = [
        send(admin, UPDATE, id=order, version=1, input={"customerReference": "x"}),
        send(admin, PLACE, id=order),
        send(admin, CANCEL, id=order),
    ]
    assert [codes(answer) for answer in answers] == [["FORBIDDEN"]] * 3
    assert run(admin, GET, id=order) == created


def test_an_error_leaves_the_other_fields_of_an_operation(member: httpx2.Client) -> None:
    order = create(member)["id"]
    query = "query ($id: ID!, $other: ID!) { order(id: $id) { id } lost: order(id: $other) { id } }"
    response = send(member, query, id=order, other=str(uuid4()))
    assert response.status_code == 200
    assert response.json()["data"] == {"order": {"id": order}, "lost": None}
    (error,) = errors(response)
    assert error["path"] == ["lost"]
    assert error["extensions"] == {
        "code": "NOT_FOUND",
        "details": [],
        "request_id": response.headers["X-Request-ID"],
        "retryable": False,
    }
