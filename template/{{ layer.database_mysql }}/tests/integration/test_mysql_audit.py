"""The clock that tells which audit events may be deleted is not the session's."""

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import delete, text

from app.db import Database
from app.db.audit import AuditLog, audit_events
from app.platform.audit_event import AuditEvent
from app.platform.clock import now
from app.platform.ids import new_uuid

pytestmark = pytest.mark.anyio


async def add_event(database: Database, age: timedelta) -> UUID:
    event = AuditEvent(
        new_uuid(),
        now() - age,
        "ada",
        "user",
        "orders.create",
        "orders/1",
        "success",
        "1",
        "",
        None,
    )
    async with database.unit_of_work() as work:
        await AuditLog(work).append(event)
    return event.id


async def delete_event(database: Database, event_id: UUID, setting: str) -> int:
    async with database.unit_of_work() as work:
        await work.connection.execute(text(f"SET {setting}"))
        only = delete(audit_events).where(audit_events.c.id == event_id)
        return (await work.connection.execute(only)).rowcount


async def test_a_session_that_sets_its_clock_cannot_delete_an_event(database: Database) -> None:
    event_id = await add_event(database, timedelta(0))
    with pytest.raises(Exception, match="append-only"):
        await delete_event(database, event_id, "timestamp = UNIX_TIMESTAMP() + 100 * 86400")


@pytest.mark.parametrize("zone", ["-12:00", "+13:00"])
async def test_the_90_days_are_the_same_in_every_time_zone(database: Database, zone: str) -> None:
    young = await add_event(database, timedelta(days=90, minutes=-1))
    old = await add_event(database, timedelta(days=90, minutes=1))
    with pytest.raises(Exception, match="append-only"):
        await delete_event(database, young, f"time_zone = '{zone}'")
    assert await delete_event(database, old, f"time_zone = '{zone}'") == 1
