"""The audit trail is complete."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from anyio import to_thread
from typer.testing import CliRunner

from app.auth.principal import Principal, Role
from app.cli import cli
from app.db import Database
from app.db.audit import AuditFilters, AuditLog
from app.platform.audit import AuditEvent, audit
from app.platform.clock import now
from app.platform.context import RequestContext, reset_context, set_context
from app.platform.ids import new_uuid

pytestmark = pytest.mark.anyio

EVENT = AuditEvent(
    id=new_uuid(),
    occurred_at=now(),
    actor="somebody",
    actor_kind="user",
    action="orders.create",
    object="orders/1",
    outcome="success",
    request_id="request-1",
    client_address="192.0.2.1",
    scopes=["orders:write"],
)


async def add(database: Database, object_: str, *ages: timedelta) -> list[AuditEvent]:
    events = [
        replace(EVENT, id=new_uuid(), object=object_, occurred_at=now() - age) for age in ages
    ]
    async with database.unit_of_work() as work:
        for event in events:
            await AuditLog(work).append(event)
    return sorted(events, key=lambda event: event.id)


async def find(database: Database, **filters: str) -> list[AuditEvent]:
    async with database.unit_of_work(read_only=True) as work:
        return list(await AuditLog(work).page(None, 100, AuditFilters(**filters)))


async def test_an_event_tells_who_did_what_from_where(database: Database) -> None:
    admin = Principal("admin-1", "user", frozenset({Role.ADMIN}), frozenset({"b", "a"}))
    target = f"orders/{uuid4()}"
    token = set_context(RequestContext("request-2", client_address="192.0.2.2", principal=admin))
    try:
        async with database.unit_of_work() as work:
            await audit(work, "orders.cancel", target, outcome="failure")
    finally:
        reset_context(token)
    [event] = await find(database, object=target)
    assert event == replace(
        EVENT,
        id=event.id,
        occurred_at=event.occurred_at,
        actor="admin-1",
        action="orders.cancel",
        object=target,
        outcome="failure",
        request_id="request-2",
        client_address="192.0.2.2",
        scopes=["a", "b"],
    )
    assert abs(event.occurred_at - datetime.now(UTC)) < timedelta(minutes=1)


async def test_an_event_may_name_a_principal_whom_the_context_does_not_know(
    database: Database,
) -> None:
    target = f"users/{uuid4()}"
    member = Principal("member-1", "user", frozenset({Role.MEMBER}))
    async with database.unit_of_work() as work:
        await audit(work, "auth.login", target, principal=member)
        await audit(work, "auth.login", target, outcome="failure")
    known, anonymous = sorted(
        await find(database, object=target), key=lambda event: event.outcome, reverse=True
    )
    assert (known.actor, known.actor_kind, known.scopes) == ("member-1", "user", None)
    assert (anonymous.actor, anonymous.actor_kind) == ("", "anonymous")


async def test_an_event_goes_with_the_act(database: Database) -> None:
    target = f"orders/{uuid4()}"

    async def act() -> None:
        async with database.unit_of_work() as work:
            await audit(work, "orders.create", target)
            raise LookupError

    with pytest.raises(LookupError):
        await act()
    assert await find(database, object=target) == []


async def test_events_are_listed_newest_first_by_page_and_filter(database: Database) -> None:
    target = f"orders/{uuid4()}"
    events = await add(database, target, *[timedelta(0)] * 5)
    newest_first = events[::-1]
    assert await find(database, object=target) == newest_first
    assert await find(database, object=target, action="orders.create") == newest_first
    assert await find(database, object=target, action="orders.place") == []
    assert await find(database, object=target, actor="somebody") == newest_first
    async with database.unit_of_work(read_only=True) as work:
        page = await AuditLog(work).page(
            newest_first[1].id, 2, AuditFilters(object=target, actor="somebody")
        )
        assert list(page) == newest_first[2:4]
        assert len(await AuditLog(work).page(newest_first[0].id, 3, AuditFilters())) == 3


async def test_only_old_events_are_pruned(database: Database) -> None:
    target = f"orders/{uuid4()}"
    [young] = await add(database, target, timedelta(days=89, hours=23))
    await add(database, target, timedelta(days=90, minutes=1))
    with pytest.raises(ValueError, match="90 days"):
        async with database.unit_of_work() as work:
            await AuditLog(work).prune(datetime.now(UTC) - timedelta(days=89), 10)
    async with database.unit_of_work() as work:
        assert await AuditLog(work).prune(datetime.now(UTC) - timedelta(days=90), 10) >= 1
    assert await find(database, object=target) == [young]


async def test_the_command_prunes(
    database: Database, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", environment["DATABASE_URL"])
    target = f"orders/{uuid4()}"
    for days in (89, 100, 400):
        await add(database, target, timedelta(days=days))

    async def prune(*options: str) -> list[int]:
        # In a thread, as the command has an event loop of its own.
        done = await to_thread.run_sync(CliRunner().invoke, cli, ["audit", "prune", *options])
        assert done.stdout.startswith("Deleted ")
        left = await find(database, object=target)
        return sorted((datetime.now(UTC) - event.occurred_at).days for event in left)

    assert await prune("--older-than-days", "365") == [89, 100]
    assert await prune() == [89]


def test_the_command_refuses_to_prune_what_is_to_be_kept() -> None:
    refused = CliRunner().invoke(cli, ["audit", "prune", "--older-than-days", "89"])
    assert refused.exit_code != 0
    assert "90" in refused.stderr
