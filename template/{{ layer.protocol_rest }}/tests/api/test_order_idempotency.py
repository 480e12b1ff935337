"""`Idempotency-Key`: sent twice, done once."""

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import httpx2
import pytest

from tests.support.orders import order_draft
from tests.support.paths import path

ORDERS = path("/orders")


def new_key() -> dict[str, str]:
    return {"Idempotency-Key": str(uuid4())}


def test_the_same_request_gets_the_same_answer_again(newcomer: httpx2.Client) -> None:
    key, body = new_key(), order_draft()
    first = newcomer.post(ORDERS, json=body, headers=key)
    second = newcomer.post(ORDERS, json=body, headers=key)
    assert "Idempotency-Replayed" not in first.headers
    assert second.headers["Idempotency-Replayed"] == "true"
    assert second.status_code == 201
    assert second.content == first.content
    for header in ("ETag", "Location", "Content-Type"):
        assert second.headers[header] == first.headers[header]
    assert len(newcomer.get(ORDERS).json()["data"]) == 1


def test_another_body_under_the_key_is_refused(member: httpx2.Client) -> None:
    key = new_key()
    member.post(ORDERS, json=order_draft(), headers=key)
    response = member.post(ORDERS, json=order_draft(), headers=key)
    assert response.status_code == 422
    assert response.json()["error"]["code"] == "IDEMPOTENCY_KEY_REUSED"


def test_keys_of_two_callers_are_apart(member: httpx2.Client, other_member: httpx2.Client) -> None:
    key, body = new_key(), order_draft()
    made = [c.post(ORDERS, json=body, headers=key).json()["id"] for c in (member, other_member)]
    assert made[0] != made[1]


def test_a_refused_request_does_not_use_up_its_key(member: httpx2.Client) -> None:
    key, body = new_key(), order_draft()
    assert member.post(ORDERS, json={**body, "lines": []}, headers=key).status_code == 422
    assert member.post(ORDERS, json=body, headers=key).status_code == 201


def test_a_placement_is_replayed_instead_of_refused(member: httpx2.Client) -> None:
    key = new_key()
    order = f"{ORDERS}/{member.post(ORDERS, json=order_draft()).json()['id']}"
    first = member.post(f"{order}/placements", headers=key)
    second = member.post(f"{order}/placements", headers=key)
    assert (first.status_code, second.status_code) == (202, 202)
    assert second.content == first.content
    assert second.headers["Idempotency-Replayed"] == "true"


def test_concurrent_requests_with_one_key_make_one_order(newcomer: httpx2.Client) -> None:
    key, body = new_key(), order_draft()

    def send(_: int) -> httpx2.Response:
        return newcomer.post(ORDERS, json=body, headers=key)

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(send, range(16)))
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert len({a.json()["id"] for a in answers if a.status_code == 201}) == 1
    for answer in answers:
        if answer.status_code == 409:
            assert answer.json()["error"]["code"] == "IDEMPOTENCY_IN_PROGRESS"
            assert int(answer.headers["Retry-After"]) >= 1
    assert len(newcomer.get(ORDERS).json()["data"]) == 1


@pytest.mark.parametrize("key", ["", "x" * 256, "a\tb"])
def test_a_key_outside_its_bounds_is_refused(member: httpx2.Client, key: str) -> None:
    response = member.post(ORDERS, json=order_draft(), headers={"Idempotency-Key": key})
    assert response.status_code in {400, 422}
    assert response.json()["error"]["code"] in {"MALFORMED_REQUEST", "VALIDATION_ERROR"}
