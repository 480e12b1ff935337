"""What tests need to know of the engine."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
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
# What whoever does not own the schema is refused, however well it knows the service's password.
OWNERS_ONLY = (
    "ALTER TABLE audit_events DISABLE TRIGGER ALL",
    "ALTER TABLE orders ADD COLUMN note text",
    "CREATE TABLE notes (id int)",
    "DROP FUNCTION audit_events_keep CASCADE",
    "DROP TABLE orders CASCADE",
    "DROP TRIGGER audit_events_keep_rows ON audit_events",
    "SET session_replication_role = replica",
    "TRUNCATE audit_events",
)
DENIED = "must be owner|permission denied"


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


@contextmanager
def two_accounts(url: str) -> Iterator[tuple[str, str]]:
    """The URLs of `migrator` and `service`, under names of the test's own, on an empty database."""
    migrator, service = f"migrator_{uuid4().hex}", f"service_{uuid4().hex}"
    with empty_database(url) as made, anyio.from_thread.start_blocking_portal() as portal:
        connection = portal.call(asyncpg.connect, made)
        try:
            portal.call(connection.execute, accounts_sql(migrator, service))
            for name in (migrator, service):
                portal.call(connection.execute, f"ALTER ROLE {name} PASSWORD '{name}'")
            yield as_account(made, migrator), as_account(made, service)
        finally:
            # The service's rights are by leave of the other, which goes last.
            for name in (service, migrator):
                ending = f"REASSIGN OWNED BY {name} TO CURRENT_USER; DROP OWNED BY {name}"
                portal.call(connection.execute, f"{ending}; DROP ROLE {name}")
            portal.call(connection.close)


def accounts_sql(migrator: str, service: str) -> str:
    """The statements that make the accounts, with other names for them."""
    statements = Path("deploy/accounts.sql").read_text(encoding="utf-8")
    return statements.replace("migrator", migrator).replace("service", service)


def as_account(url: str, name: str) -> str:
    """The URL for another account, whose password is its name."""
    parts = urlsplit(url)
    return parts._replace(netloc=f"{name}:{name}@{parts.netloc.rpartition('@')[2]}").geturl()


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
