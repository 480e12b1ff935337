"""Documents by their hash, and the list of those that are allowed."""

import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from tests.support.accounts import sign_in
from tests.support.graphql import GRAPHQL, codes, errors, fields, run
from tests.support.service import Service, run_command

ME = "query Me { me { id } }"


def digest(query: str) -> str:
    return sha256(query.encode()).hexdigest()


def named(text: str, **others: Any) -> dict[str, Any]:
    persisted = {"version": 1, "sha256Hash": digest(text)}
    return {"extensions": {"persistedQuery": persisted}, **others}


def ask(client: httpx2.Client, body: dict[str, Any]) -> httpx2.Response:
    return client.post("/graphql", json=body)


def test_a_query_is_known_by_its_hash_once_it_was_sent(member: httpx2.Client) -> None:
    query = f"{ME} # {uuid4().hex}"
    unknown = ask(member, named(query))
    assert unknown.status_code == 200
    assert errors(unknown)[0]["message"] == "PersistedQueryNotFound"
    assert codes(unknown) == ["NOT_FOUND"]
    assert ask(member, named(query, query=query)).json()["data"]["me"]
    assert ask(member, named(query)).json()["data"]["me"]
    parameters = {"extensions": json.dumps(named(query)["extensions"])}
    assert member.get("/graphql", params=parameters).json()["data"]["me"]


def test_a_hash_of_another_query_is_refused(member: httpx2.Client) -> None:
    response = ask(member, named("{ __typename }", query=ME))
    assert codes(response) == ["VALIDATION_ERROR"]
    assert fields(response) == ["extensions.persistedQuery.sha256Hash"]


def test_a_query_that_is_not_valid_is_not_kept(member: httpx2.Client) -> None:
    query = f"{{ nonsense }} # {uuid4().hex}"
    assert codes(ask(member, named(query, query=query))) == ["VALIDATION_ERROR"]
    assert codes(ask(member, named(query))) == ["NOT_FOUND"]


def test_a_query_that_is_long_by_what_says_nothing_is_not_kept(member: httpx2.Client) -> None:
    query = f"{ME} # {'x' * 50_000}"
    assert ask(member, named(query, query=query)).json()["data"]["me"]
    assert codes(ask(member, named(query))) == ["NOT_FOUND"]


def test_there_are_only_so_many_queries_kept(start_service: Callable[..., Service]) -> None:
    service = start_service(GRAPHQL_MAX_PERSISTED="4")
    queries = [f"{ME} # {number}" for number in range(40)]
    with service.client(headers=sign_in(service)) as client:
        for query in queries:
            assert ask(client, named(query, query=query)).json()["data"]["me"]
        answers = [ask(client, named(query)) for query in queries]
    known = [answer for answer in answers if not codes(answer)]
    assert 1 <= len(known) <= 4
    assert not codes(answers[-1])
    assert all(codes(answer) == ["NOT_FOUND"] for answer in answers if answer not in known)


@pytest.mark.parametrize(
    "persisted",
    [1, {}, {"version": 2, "sha256Hash": digest(ME)}, {"version": 1, "sha256Hash": "x"}],
)
def test_a_malformed_hash_is_refused(member: httpx2.Client, persisted: object) -> None:
    body = {"query": ME, "extensions": {"persistedQuery": persisted}}
    assert codes(ask(member, body)) == ["VALIDATION_ERROR"]


def test_persisted_queries_may_be_switched_off(start_service: Callable[..., Service]) -> None:
    service = start_service(GRAPHQL_PERSISTED_SECONDS="0")
    with service.client(headers=sign_in(service)) as client:
        assert ask(client, named(ME, query=ME)).json()["data"]["me"]
        assert codes(ask(client, named(ME))) == ["NOT_FOUND"]


def test_only_listed_documents_are_executed(
    start_service: Callable[..., Service], tmp_path: Path
) -> None:
    file = tmp_path / "documents.json"
    file.write_text(json.dumps({"Me": ME}))
    service = start_service(GRAPHQL_ALLOWED_DOCUMENTS=str(file))
    with service.client(headers=sign_in(service)) as client:
        assert run(client, ME)
        assert ask(client, named(ME)).json()["data"]["me"]
        for body in ({"query": ME + " "}, named("{ __typename }"), {"query": "{ __typename }"}):
            response = client.post("/graphql", json=body, headers={"Accept": GRAPHQL})
            assert response.status_code == 403
            assert codes(response) == ["FORBIDDEN"]
        assert ask(client, {}).status_code == 403


@pytest.mark.parametrize("content", ["", "[]", '{"Me": 1}', None])
def test_a_list_that_cannot_be_read_is_a_fault_of_the_configuration(
    service: Service, tmp_path: Path, content: str | None
) -> None:
    file = tmp_path / "documents.json"
    if content is not None:
        file.write_text(content)
    environment = {**service.environment, "GRAPHQL_ALLOWED_DOCUMENTS": str(file)}
    done = run_command("config", "check", env=environment, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: GRAPHQL_ALLOWED_DOCUMENTS: must ")
