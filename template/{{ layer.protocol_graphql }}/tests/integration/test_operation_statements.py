"""How many statements an operation costs, however much it finds."""

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from app.auth.principal import Principal, Role
from app.bootstrap import Service, build_service
from app.features.orders.model import OrderDraft, OrderLine
from app.settings import Settings
from app.transport.graphql.engine import Engine
from app.transport.graphql.requests import parse_request
from tests.support.owners import OWNER, OWNER_STATEMENTS, new_owner
from tests.support.statements import sent_statements

pytestmark = pytest.mark.anyio

ADMIN = Principal(str(uuid4()), "user", frozenset({Role.ADMIN}))
PAGE = f"""
{{ orders(first: 40) {{ edges {{ cursor node {{ id lines {{ sku }} owner {{ {OWNER} }} }} }} }} }}
"""


@pytest.fixture
async def service(
    environment: dict[str, str], own_url: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Service]:
    for name, value in {**environment, "DATABASE_URL": own_url}.items():
        monkeypatch.setenv(name, value)
    service = build_service(Settings.load())
    async with service.running():
        yield service


async def pay(_requests: int) -> None:
    """There is no limit here."""


async def listed(engine: Engine, caller: Principal) -> tuple[list[Any], int]:
    """The orders of a page, and how many statements they cost."""
    prepared = await engine.prepare(parse_request({"query": PAGE}), caller, pay)
    with sent_statements() as sent:
        answer = await engine.execute(prepared, caller)
    assert "errors" not in answer.body, answer.body
    return [edge["node"] for edge in answer.body["data"]["orders"]["edges"]], len(sent)


async def test_a_page_of_orders_costs_one_statement_and_what_its_owners_cost(
    service: Service,
) -> None:
    engine = Engine(service, introspection=False)
    members = list[Principal]()
    for expected in (1, 6):
        while len(members) < expected:
            member = await new_owner(service)
            members.append(member)
            for number in range(expected):
                lines = [OrderLine(f"SKU-{n}", 1, Decimal("1.00")) for n in range(number + 1)]
                draft = OrderDraft("reference", "EUR", tuple(lines))
                await service.orders.create(member, draft, None)
        orders, statements = await listed(engine, ADMIN)
        assert {order["owner"]["id"] for order in orders} == {each.subject for each in members}
        assert len(orders) == (1 if expected == 1 else 31)
        assert statements == 1 + OWNER_STATEMENTS


async def test_an_owner_is_shown_to_who_may_see_the_order(service: Service) -> None:
    engine = Engine(service, introspection=False)
    member = await new_owner(service)
    draft = OrderDraft("reference", "EUR", (OrderLine("TEA-001", 1, Decimal("1.00")),))
    await service.orders.create(member, draft, None)
    for caller in (member, ADMIN):
        (order,), _ = await listed(engine, caller)
        assert order["owner"]["id"] == member.subject
