"""How many statements an operation costs, however much it finds."""

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from app.auth.principal import Principal, Role
from app.auth.store import Users
from app.bootstrap import Service, build_service
from app.features.orders.model import OrderDraft, OrderLine
from app.settings import Settings
from app.transport.graphql.engine import Engine
from app.transport.graphql.requests import parse_request
from tests.support.statements import sent_statements

pytestmark = pytest.mark.anyio

ADMIN = Principal(str(uuid4()), "user", frozenset({Role.ADMIN}))
PAGE = """
{ orders(first: 40) { edges { cursor node { id lines { sku } owner { id email } } } } }
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


async def new_member(service: Service) -> Principal:
    email = f"{uuid4().hex}@example.com"
    await service.auth.accounts.register(email, "violet-otter-cabin-4821")
    async with service.database.unit_of_work(read_only=True) as work:
        user = await Users(work).with_email(email)
    assert user is not None
    return Principal(str(user.id), "user", frozenset({Role.MEMBER}))


async def pay(_requests: int) -> None:
    """There is no limit here."""


async def listed(engine: Engine, caller: Principal) -> tuple[list[Any], int]:
    """The orders of a page, and how many statements they cost."""
    prepared = await engine.prepare(parse_request({"query": PAGE}), caller, pay)
    with sent_statements() as sent:
        answer = await engine.execute(prepared, caller)
    assert "errors" not in answer.body, answer.body
    return [edge["node"] for edge in answer.body["data"]["orders"]["edges"]], len(sent)


async def test_a_page_of_orders_with_lines_and_owners_costs_two_statements(
    service: Service,
) -> None:
    engine = Engine(service, introspection=False)
    members = list[Principal]()
    for expected in (1, 6):
        while len(members) < expected:
            member = await new_member(service)
            members.append(member)
            for number in range(expected):
                lines = [OrderLine(f"SKU-{n}", 1, Decimal("1.00")) for n in range(number + 1)]
                draft = OrderDraft("reference", "EUR", tuple(lines))
                await service.orders.create(member, draft, None)
        orders, statements = await listed(engine, ADMIN)
        assert {order["owner"]["id"] for order in orders} == {each.subject for each in members}
        assert len(orders) == (1 if expected == 1 else 31)
        assert statements == 2


async def test_an_owner_is_shown_to_who_may_see_the_order(service: Service) -> None:
    engine = Engine(service, introspection=False)
    member = await new_member(service)
    draft = OrderDraft("reference", "EUR", (OrderLine("TEA-001", 1, Decimal("1.00")),))
    await service.orders.create(member, draft, None)
    for caller in (member, ADMIN):
        (order,), _ = await listed(engine, caller)
        assert order["owner"]["id"] == member.subject


async def test_the_owner_of_an_order_may_be_gone(service: Service) -> None:
    engine = Engine(service, introspection=False)
    gone = Principal(str(uuid4()), "user", frozenset({Role.MEMBER}))
    draft = OrderDraft("reference", "EUR", (OrderLine("TEA-001", 1, Decimal("1.00")),))
    await service.orders.create(gone, draft, None)
    (order,), _ = await listed(engine, gone)
    assert order["owner"] is None
