"""What tests need to know of the engine."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import anyio.from_thread
import asyncpg

from app.db import UnitOfWork

# Runs until it is stopped, and would take half a minute.
SLOW = "SELECT pg_sleep(30)"
# What changes or deletes audit events other than by UPDATE and DELETE.
TAMPERING = (
    "TRUNCATE audit_events CASCADE",
    "INSERT INTO audit_events SELECT * FROM audit_events ON CONFLICT (id) DO UPDATE SET actor = ''",
)


@contextmanager
def empty_database(url: str) -> Iterator[str]:
    """The URL of a database of its own on the same server."""
    name = f"test_{uuid4().hex}"
    with anyio.from_thread.start_blocking_portal() as portal:
        connection = portal.call(asyncpg.connect, url)
        portal.call(connection.execute, f"CREATE DATABASE {name}")
        try:
            yield urlsplit(url)._replace(path=f"/{name}").geturl()
        finally:
            portal.call(connection.execute, f"DROP DATABASE {name} WITH (FORCE)")
            portal.call(connection.close)


async def analyze(work: UnitOfWork) -> None:
    """Let the planner know how much there is."""
    await work.driver.execute("ANALYZE")


async def bad_steps(work: UnitOfWork, sql: str, arguments: Sequence[Any]) -> list[str]:
    """The steps of the plan that read a whole table, or sort more than a page has."""
    plan = await work.driver.fetchval(f"EXPLAIN (FORMAT JSON) {sql}", *arguments)
    return [
        f"{step['Node Type']} of {step.get('Relation Name')}, {step['Plan Rows']} rows"
        for step in _steps(plan[0]["Plan"])
        if step["Node Type"] == "Seq Scan"
        or ("Sort" in step["Node Type"] and step["Plan Rows"] > 500)
    ]


def _steps(step: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield step
    for inner in step.get("Plans", []):
        yield from _steps(inner)
