"""Callers in GraphQL, whose accounts a provider keeps."""

from collections.abc import Callable

import httpx2

from app.auth.claims import subject_id
from dev.sign_in import sign_in
from tests.support.graphql import create, run
from tests.support.service import Service

OWNED = "query ($id: ID!) { order(id: $id) { owner { id } } }"


def test_me_is_the_caller_and_owns_what_it_makes(service: Service) -> None:
    issuer = service.environment["OIDC_ISSUER"]
    token = sign_in(issuer, "grace")["access_token"]
    with service.client(headers={"Authorization": f"Bearer {token}"}) as client:
        me = run(client, "{ me { id kind roles permissions } }")
        assert me == {
            "id": subject_id(issuer, "grace"),
            "kind": "user",
            "roles": ["MEMBER"],
            "permissions": ["orders:read", "orders:write"],
        }
        assert run(client, OWNED, id=create(client)["id"])["owner"] == {"id": me["id"]}


def test_who_may_read_all_orders_sees_whose_they_are(
    member: httpx2.Client, sign_in_as: Callable[[str], httpx2.Client]
) -> None:
    order, owner = create(member)["id"], run(member, "{ me { id } }")
    assert run(sign_in_as("admin"), OWNED, id=order)["owner"] == owner
