"""`app audit`: looking after the audit trail."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from app.db import Database
from app.db.audit import RETENTION, AuditLog
from app.db.settings import DatabaseSettings

# Few enough for one transaction to stay short.
BATCH = 1000
# The database, which refuses to delete younger events, may have another time.
CLOCK_MARGIN = timedelta(minutes=5)

audit = typer.Typer(no_args_is_help=True, help="Look after the audit trail.")


def register(cli: typer.Typer) -> None:
    """Add the commands."""
    cli.add_typer(audit, name="audit")


@audit.callback()
def _group() -> None:
    """Keep the group although it has one command."""


@audit.command()
def prune(
    older_than_days: Annotated[
        int, typer.Option(min=RETENTION.days, help="The age of events to delete.")
    ] = RETENTION.days,
) -> None:
    """Delete old audit events; none younger than 90 days."""
    before = datetime.now(UTC) - timedelta(days=older_than_days) - CLOCK_MARGIN
    typer.echo(f"Deleted {asyncio.run(_prune(before))} audit events.")


async def _prune(before: datetime) -> int:
    database = Database(DatabaseSettings.load())
    try:
        deleted = 0
        while True:
            async with database.unit_of_work() as work:
                batch = await AuditLog(work).prune(before, BATCH)
            deleted += batch
            if batch < BATCH:
                return deleted
    finally:
        await database.aclose()
