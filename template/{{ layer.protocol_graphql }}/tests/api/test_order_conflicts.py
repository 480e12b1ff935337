"""Nobody overwrites what they have not seen, and what is sent twice is done once."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

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
from tests.support.orders import order_draft

COUNT = "{ orders(first: 100) { nodes { id } } }"


def rename(client: httpx2.Client, order: str, version: int) -> httpx2.Response:
    return send(client, UPDATE, id=order, version=version, input={"customerReference": "x"})


def test_a_change_must_say_which_version_it_changes(member: httpx2.Client) -> None:
    query = 'mutation { updateOrder(id: "1", input: {customerReference: "x"}) { replayed } }'
    response = send(member, query)
    assert codes(response) == ["VALIDATION_ERROR"]
    assert "expectedVersion" in errors(response)[0]["message"]


def test_a_stale_version_changes_nothing(member: httpx2.Client) -> None:
    order = create(member)["id"]
    assert codes(rename(member, order, 2)) == ["PRECONDITION_FAILED"]
    assert run(member, GET, id=order)["version"] == 1


def test_cancelling_honours_a_version_where_one_is_sent(member: httpx2.Client) -> None:
    order = create(member)["id"]
    assert codes(send(member, CANCEL, id=order, version=2)) == ["PRECONDITION_FAILED"]
    assert codes(send(member, CANCEL, id=order, version=1)) == []


def test_of_concurrent_changes_one_wins(member: httpx2.Client) -> None:
    order = create(member)["id"]
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: rename(member, order, 1), range(8)))
    found = sorted(code for answer in answers for code in codes(answer))
    assert found == ["PRECONDITION_FAILED"] * 7
    assert run(member, GET, id=order)["version"] == 2


@pytest.mark.parametrize("way", ["argument", "header"])
def test_the_same_mutation_gets_the_same_answer_again(newcomer: httpx2.Client, way: str) -> None:
    key, draft = uuid4().hex, order_draft()

    def sent() -> httpx2.Response:
        if way == "argument":
            return send(newcomer, CREATE, input=draft, key=key)
        return send(newcomer, CREATE, {"Idempotency-Key": key}, input=draft)

    first, second = sent(), sent()
    assert "Idempotency-Replayed" not in first.headers
    assert second.headers["Idempotency-Replayed"] == "true"
    before, after = (answer.json()["data"]["createOrder"] for answer in (first, second))
    assert (before["replayed"], after["replayed"]) == (False, True)
    assert after["order"] == before["order"]
    assert len(run(newcomer, COUNT)["nodes"]) == 1


def test_the_same_input_in_other_words_is_the_same(member: httpx2.Client) -> None:
    key, draft = uuid4().hex, order_draft()
    run(member, CREATE, input=draft, key=key)
    literal = re.sub(r'"(\w+)":', r"\1:", json.dumps(dict(reversed(draft.items()))))
    again = f'mutation {{ createOrder(idempotencyKey: "{key}", input: {literal}) {{ replayed }} }}'
    assert run(member, again) == {"replayed": True}


def test_other_input_under_the_key_is_refused(member: httpx2.Client) -> None:
    key = uuid4().hex
    send(member, CREATE, input=order_draft(), key=key)
    response = send(member, CREATE, input=order_draft(), key=key)
    assert codes(response) == ["IDEMPOTENCY_KEY_REUSED"]


def test_keys_of_two_callers_are_apart(member: httpx2.Client, other_member: httpx2.Client) -> None:
    key, draft = uuid4().hex, order_draft()
    made = {run(c, CREATE, input=draft, key=key)["order"]["id"] for c in (member, other_member)}
    assert len(made) == 2


def test_a_refused_mutation_does_not_use_up_its_key(member: httpx2.Client) -> None:
    key, draft = uuid4().hex, order_draft()
    assert codes(send(member, CREATE, input={**draft, "lines": []}, key=key))
    assert codes(send(member, CREATE, input=draft, key=key)) == []


def test_the_header_stands_for_each_mutation_of_a_request(member: httpx2.Client) -> None:
    query = """
    mutation ($input: CreateOrderInput!) {
      one: createOrder(input: $input) { replayed order { id } }
      two: createOrder(input: $input) { replayed order { id } }
    }
    """
    headers, draft = {"Idempotency-Key": uuid4().hex}, order_draft()
    first, second = (send(member, query, headers, input=draft).json()["data"] for _ in range(2))
    assert first["one"]["order"] != first["two"]["order"]
    for name in ("one", "two"):
        assert first[name]["replayed"] is False
        assert second[name] == {**first[name], "replayed": True}
    body: list[dict[str, Any]] = [{"query": CREATE, "variables": {"input": draft}}] * 2
    batch = member.post("/graphql", json=body, headers={"Idempotency-Key": uuid4().hex}).json()
    assert len({each["data"]["createOrder"]["order"]["id"] for each in batch}) == 2


def test_a_placement_is_replayed_instead_of_refused(member: httpx2.Client) -> None:
    key, order = uuid4().hex, create(member)["id"]
    first, second = (run(member, PLACE, id=order, key=key) for _ in range(2))
    assert second == {**first, "replayed": True}


def test_concurrent_mutations_with_one_key_make_one_order(newcomer: httpx2.Client) -> None:
    key, draft = uuid4().hex, order_draft()
    with ThreadPoolExecutor(8) as threads:
        answers = list(
            threads.map(lambda _: send(newcomer, CREATE, input=draft, key=key), range(16))
        )
    for answer in answers:
        assert codes(answer) in ([], ["IDEMPOTENCY_IN_PROGRESS"])
        if codes(answer):
            assert int(answer.headers["Retry-After"]) >= 1
            assert errors(answer)[0]["extensions"]["retryable"] is True
    assert len(run(newcomer, COUNT)["nodes"]) == 1


@pytest.mark.parametrize("key", ["", "x" * 256, "a\tb", "ä"])
def test_a_key_outside_its_bounds_is_refused(member: httpx2.Client, key: str) -> None:
    response = send(member, CREATE, input=order_draft(), key=key)
    assert codes(response) == ["VALIDATION_ERROR"]
    assert fields(response) == ["idempotencyKey"]
