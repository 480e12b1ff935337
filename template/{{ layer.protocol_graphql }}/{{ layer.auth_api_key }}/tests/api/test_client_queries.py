"""Clients in GraphQL."""

import httpx2

from tests.support.graphql import create, run


def test_me_is_the_callers_client_and_owns_what_it_makes(member: httpx2.Client) -> None:
    me = run(member, "{ me { id name createdAt } }")
    assert me["name"].startswith("member-")
    assert me["createdAt"].endswith("Z")
    order = create(member)["id"]
    query = "query ($id: ID!) { order(id: $id) { owner { id name } } }"
    assert run(member, query, id=order)["owner"] == {"id": me["id"], "name": me["name"]}
