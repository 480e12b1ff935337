"""The two accounts of a deployment, made by the statements that make them there."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from app.db import Database
from app.db.audit import AuditLog
from app.db.settings import DatabaseSettings
from app.platform.audit_event import AuditEvent
from app.platform.ids import new_uuid
from tests.fixtures.database import migrate
from tests.support.accounts import sign_in
from tests.support.database import DENIED, OWNERS_ONLY, two_accounts
from tests.support.probe import place_order
from tests.support.service import run_command, running_service
from tests.support.stored import order_owners

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def serving(environment: dict[str, str]) -> Iterator[dict[str, str]]:
    """The variables of a service, on a database that the other account has migrated."""
    with two_accounts(environment["DATABASE_URL"]) as (migrator, service):
        migrate(migrator)
        yield {**environment, "DATABASE_URL": service}


@pytest.fixture
async def database(serving: dict[str, str]) -> AsyncIterator[Database]:
    """The same database with the account of the service."""
    database = Database(DatabaseSettings.model_validate({"database_url": serving["DATABASE_URL"]}))
    yield database
    await database.aclose()


async def add_event(database: Database, age: timedelta) -> None:
    happened = datetime.now(UTC) - age
    event = AuditEvent(
        new_uuid(), happened, "ada", "user", "orders.create", "orders/1", "success", "1", "", None
    )
    async with database.unit_of_work() as work:
        await AuditLog(work).append(event)


async def test_the_service_serves_with_an_account_that_owns_nothing(
    database: Database, serving: dict[str, str], scratch: Path
) -> None:
    with running_service(serving, scratch) as service:
        place_order(service, sign_in(service))
    async with database.unit_of_work(read_only=True) as work:
        assert len(await order_owners(work)) == 1


async def test_the_account_can_prune_old_events(
    database: Database, serving: dict[str, str]
) -> None:
    await add_event(database, timedelta(days=100))
    assert run_command("audit", "prune", env=serving).stdout == "Deleted 1 audit events.\n"


@pytest.mark.parametrize("sql", OWNERS_ONLY)
async def test_the_account_cannot_change_the_schema(database: Database, sql: str) -> None:
    with pytest.raises(Exception, match=DENIED):
        async with database.unit_of_work() as work:
            await work.connection.execute(text(sql))


@pytest.mark.parametrize("sql", ["UPDATE audit_events SET actor = ''", "DELETE FROM audit_events"])
async def test_the_account_cannot_change_the_audit_trail(database: Database, sql: str) -> None:
    await add_event(database, timedelta(0))
    with pytest.raises(Exception, match="append-only"):
        async with database.unit_of_work() as work:
            await work.connection.execute(text(sql))
