"""The database refuses to change the audit trail."""

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import delete, text, update

from app.db import Database
from app.db.audit import AuditFilters, AuditLog, audit_events
from app.platform.audit_event import AuditEvent
from app.platform.clock import now
from app.platform.ids import new_uuid
from tests.support.database import TAMPERING

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


async def test_no_event_can_be_changed(database: Database) -> None:
    target = f"orders/{uuid4()}"
    events = await add(database, target, timedelta(0), timedelta(days=400))
    for event in events:
        with pytest.raises(Exception, match="append-only"):
            async with database.unit_of_work() as work:
                await work.connection.execute(
                    update(audit_events)
                    .where(audit_events.c.id == event.id)
                    .values(outcome="failure")
                )
    assert await find(database, object=target) == events[::-1]


@pytest.mark.parametrize("sql", TAMPERING)
async def test_no_event_can_be_got_rid_of_in_another_way(database: Database, sql: str) -> None:
    target = f"orders/{uuid4()}"
    events = await add(database, target, timedelta(0))
    with pytest.raises(Exception, match=r"append.only"):
        async with database.unit_of_work() as work:
            await work.connection.execute(text(sql))
    assert await find(database, object=target) == events


async def test_only_old_events_can_be_deleted(database: Database) -> None:
    target = f"orders/{uuid4()}"
    events = await add(database, target, timedelta(days=89, hours=23), timedelta(days=91))
    with pytest.raises(Exception, match="append-only"):
        async with database.unit_of_work() as work:
            await work.connection.execute(delete(audit_events))
    assert await find(database, object=target) == events[::-1]
