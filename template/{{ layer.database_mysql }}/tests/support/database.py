"""What tests need to know of the engine."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
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
