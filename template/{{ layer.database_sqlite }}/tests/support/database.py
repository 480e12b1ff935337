"""What tests need to know of the engine."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import Any

from app.db import UnitOfWork

# Runs until it is stopped, and would take half a minute.
SLOW = """
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000000)
    SELECT count(*) FROM n
"""
# What changes or deletes audit events other than by UPDATE and DELETE.
TAMPERING = (
    "REPLACE INTO audit_events SELECT * FROM audit_events",
    "UPDATE OR REPLACE audit_events SET id = (SELECT min(id) FROM audit_events)",
    "INSERT INTO audit_events SELECT * FROM audit_events WHERE 1 ON CONFLICT DO UPDATE SET id = 1",
)


@contextmanager
def empty_database(_url: str) -> Iterator[str]:
    """The URL of a file of its own."""
    with TemporaryDirectory() as folder:
        yield f"sqlite:///{folder}/test.db"


async def analyze(work: UnitOfWork) -> None:
    """Let the planner know how much there is."""
    await work.driver.execute_fetchall("ANALYZE")


async def bad_steps(work: UnitOfWork, sql: str, arguments: Sequence[Any]) -> list[str]:
    """The steps of the plan that read a whole table or sort what an index should."""
    rows = await work.driver.execute_fetchall(f"EXPLAIN QUERY PLAN {sql}", arguments)
    steps = [(int(parent), str(step)) for _, parent, _, step in rows]
    # What reads from a limited subquery reads no more than a page, and may sort it.
    paged = {parent for parent, step in steps if step in ("CO-ROUTINE found", "MATERIALIZE found")}
    return [
        step
        for parent, step in steps
        if parent not in paged
        and (
            (step.startswith("SCAN") and not re.search("INDEX|CONSTANT", step))
            or "TEMP B-TREE FOR ORDER BY" in step
        )
    ]
