"""No root field without a decision on who may call it."""

import pytest
import strawberry

from app.auth.principal import Permission
from app.transport.graphql.access import access_table, query
from app.transport.schema import ACCESS, SCHEMA


def test_a_field_without_a_decision_is_an_error() -> None:
    @strawberry.type
    class Query:
        @query(Permission.ORDERS_READ, "Decided")
        def decided(self) -> int:
            return 1

        forgotten: int = 1

    with pytest.raises(LookupError, match=r"^Query\.forgotten: "):
        access_table(strawberry.Schema(Query))


def test_every_root_field_has_one() -> None:
    introspected = SCHEMA.introspect()["__schema"]["types"]
    roots = {
        (each["name"], field["name"])
        for each in introspected
        if each["name"] in {"Query", "Mutation", "Subscription"}
        for field in each["fields"]
    }
    assert roots == set(ACCESS)
    assert ACCESS["Subscription", "orderStatusChanged"] is Permission.ORDERS_READ
