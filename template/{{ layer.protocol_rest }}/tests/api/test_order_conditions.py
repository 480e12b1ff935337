"""Conditional requests: nobody overwrites what they have not seen."""

from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest

from tests.support.orders import order_draft
from tests.support.paths import path

ORDERS = path("/orders")


@pytest.fixture
def order(member: httpx2.Client) -> str:
    return f"{ORDERS}/{member.post(ORDERS, json=order_draft()).json()['id']}"


@pytest.mark.parametrize("tag", ['"1"', 'W/"1"', "*", '"7", "1"'])
def test_who_holds_the_version_gets_no_body(member: httpx2.Client, order: str, tag: str) -> None:
    response = member.get(order, headers={"If-None-Match": tag})
    assert (response.status_code, response.content) == (304, b"")
    assert response.headers["ETag"] == '"1"'


def test_who_holds_another_version_gets_the_order(member: httpx2.Client, order: str) -> None:
    assert member.get(order, headers={"If-None-Match": '"2"'}).status_code == 200


def test_a_change_must_say_which_version_it_changes(member: httpx2.Client, order: str) -> None:
    response = member.patch(order, json={"customer_reference": "x"})
    assert response.status_code == 428
    assert response.json()["error"]["code"] == "PRECONDITION_REQUIRED"


@pytest.mark.parametrize("tag", ['"2"', 'W/"1"', '"x"'])
def test_a_stale_or_weak_tag_changes_nothing(member: httpx2.Client, order: str, tag: str) -> None:
    response = member.patch(order, json={"customer_reference": "x"}, headers={"If-Match": tag})
    assert response.status_code == 412
    assert response.json()["error"]["code"] == "PRECONDITION_FAILED"
    assert member.get(order).json()["version"] == 1


@pytest.mark.parametrize("tag", ["1", '"1', "", "*, *"])
def test_a_malformed_tag_is_refused(member: httpx2.Client, order: str, tag: str) -> None:
    response = member.patch(order, json={"customer_reference": "x"}, headers={"If-Match": tag})
    assert response.status_code == 422
    assert response.json()["error"]["details"][0]["field"] == "If-Match"


@pytest.mark.parametrize("tag", ["*", '"1"', '"9" , "1"'])
def test_a_matching_tag_lets_the_change_pass(member: httpx2.Client, order: str, tag: str) -> None:
    response = member.patch(order, json={"customer_reference": "x"}, headers={"If-Match": tag})
    assert response.status_code == 200


def test_cancelling_honours_a_tag_where_one_is_sent(member: httpx2.Client, order: str) -> None:
    assert member.delete(order, headers={"If-Match": '"2"'}).status_code == 412
    assert member.delete(order, headers={"If-Match": '"1"'}).status_code == 204


def test_of_concurrent_changes_one_wins(member: httpx2.Client, order: str) -> None:
    def change(number: int) -> int:
        body = {"customer_reference": f"n{number}"}
        return member.patch(order, json=body, headers={"If-Match": '"1"'}).status_code

    with ThreadPoolExecutor(8) as threads:
        statuses = sorted(threads.map(change, range(8)))
    assert statuses == [200] + [412] * 7
    assert member.get(order).json()["version"] == 2


def test_a_step_is_judged_by_what_a_concurrent_change_leaves(member: httpx2.Client) -> None:
    def change(order: str) -> httpx2.Response:
        return member.patch(order, json={"customer_reference": "x"}, headers={"If-Match": "*"})

    def place(order: str) -> httpx2.Response:
        return member.post(f"{order}/placements")

    orders = [f"{ORDERS}/{member.post(ORDERS, json=order_draft()).json()['id']}" for _ in range(16)]
    with ThreadPoolExecutor(4) as threads:
        for order in orders[:8]:
            changed, placed = threads.submit(change, order), threads.submit(place, order)
            assert placed.result().status_code == 202
            assert changed.result().status_code in {200, 409, 412}
        for order in orders[8:]:
            placed, cancelled = threads.submit(place, order), threads.submit(member.delete, order)
            assert cancelled.result().status_code == 204
            assert placed.result().status_code in {202, 409}
