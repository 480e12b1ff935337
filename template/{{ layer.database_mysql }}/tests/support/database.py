"""What tests need to know of the engine."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import anyio.from_thread
from asyncmy.cursors import DictCursor

from app.db import UnitOfWork
from app.db.driver import connect
from app.db.settings import DatabaseSettings

# Runs until it is stopped, and would take half a minute.
SLOW = "SELECT count(*) FROM information_schema.collations WHERE sleep(30) = 0"
# What changes or deletes audit events other than by UPDATE and DELETE.
TAMPERING = (
    "REPLACE INTO audit_events SELECT * FROM audit_events",
    "INSERT INTO audit_events SELECT * FROM audit_events AS old ON DUPLICATE KEY UPDATE actor = ''",
    "TRUNCATE TABLE audit_events",
)
# What whoever does not own the schema is refused, however well it knows the service's password.
OWNERS_ONLY = (
    "ALTER TABLE orders ADD COLUMN note text",
    "CREATE TABLE notes (id int)",
    "DROP TABLE audit_events_guard",
    "DROP TRIGGER audit_events_no_update",
    "SET GLOBAL read_only = 0",
    "TRUNCATE TABLE audit_events",
)
DENIED = "denied"


@contextmanager
def empty_database(url: str) -> Iterator[str]:
    """The URL of a database of its own on the same server."""
    name = f"test_{uuid4().hex}"
    settings = DatabaseSettings.model_validate({"database_url": url})
    with anyio.from_thread.start_blocking_portal() as portal:
        driver = portal.call(connect, settings, None)
        portal.call(driver.run, f"CREATE DATABASE {name} CHARACTER SET latin1")
        try:
            yield urlsplit(url)._replace(path=f"/{name}").geturl()
        finally:
            portal.call(driver.run, f"DROP DATABASE {name}")
            portal.call(driver.ensure_closed)


@contextmanager
def two_accounts(url: str) -> Iterator[tuple[str, str]]:
    """The URLs of `migrator` and `service`, under names of the test's own, on an empty database."""
    migrator, service = f"migrator_{uuid4().hex[:16]}", f"service_{uuid4().hex[:16]}"
    statements = Path("deploy/accounts.sql").read_text(encoding="utf-8")
    with empty_database(url) as made, anyio.from_thread.start_blocking_portal() as portal:
        own = {"migrator": migrator, "service": service, "app.*": f"{urlsplit(made).path[1:]}.*"}
        for name, other in own.items():
            statements = statements.replace(name, other)
        settings = DatabaseSettings.model_validate({"database_url": made})
        driver = portal.call(connect, settings, None)
        try:
            portal.call(driver.run, statements)
            for name in (migrator, service):
                unlock = f"ALTER USER {name} IDENTIFIED BY '{name}' ACCOUNT UNLOCK"
                portal.call(driver.run, unlock)
            yield _as(made, migrator), _as(made, service)
        finally:
            portal.call(driver.run, f"DROP USER IF EXISTS {migrator}, {service}")
            portal.call(driver.ensure_closed)


def _as(url: str, name: str) -> str:
    """The URL for another account, whose password is its name."""
    parts = urlsplit(url)
    return parts._replace(netloc=f"{name}:{name}@{parts.netloc.rpartition('@')[2]}").geturl()


async def analyze(work: UnitOfWork) -> None:
    """Let the planner know how much there is."""
    tables = await _rows(work, "SHOW FULL TABLES WHERE table_type = 'BASE TABLE'")
    names = ", ".join(next(iter(table.values())) for table in tables)
    await _rows(work, f"ANALYZE TABLE {names}")


async def bad_steps(work: UnitOfWork, sql: str, arguments: Sequence[Any]) -> list[str]:
    """The steps of the plan that read a whole table, or sort more than a page has."""
    # A whole index is read for a page in its order only, to the end of the page.
    whole = ("ALL",) if "LIMIT" in sql else ("ALL", "index")
    return [
        f"{step['type']} of {step['table']}, {step['rows']} rows, {step['Extra']}"
        for step in await _rows(work, f"EXPLAIN {sql}", arguments)
        if (step["type"] in whole or "filesort" in (step["Extra"] or ""))
        and int(step["rows"] or 0) > 500
    ]


async def _rows(
    work: UnitOfWork, sql: str, arguments: Sequence[Any] = ()
) -> Sequence[Mapping[str, Any]]:
    cursor = work.driver.cursor(DictCursor)
    await cursor.execute(sql, arguments)
    rows: Sequence[Mapping[str, Any]] = await cursor.fetchall()
    return rows
