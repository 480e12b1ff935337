"""Running migrations: one process at a time, each once, and again what was interrupted."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import typer
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import DuplicateKeyError, PyMongoError

from app.db.client import Document, create_client
from app.db.failures import error_code
from app.db.scripts import REVISION, MigrationError, Script, Scripts
from app.db.settings import DatabaseSettings
from app.errors import AppError, ErrorCode
from app.platform.ids import new_uuid

FOLDER = Path("migrations")
# What ran; a script is recorded once it has come to its end.
RECORDS = "migrations"
LOCK = "migration_lock"
LEASE_SECONDS = 30.0
_POLL_SECONDS = 0.05
_THE_LOCK = "migrate"


async def upgrade(settings: DatabaseSettings, target: str) -> None:
    """Run what leads to the target and has not run."""
    scripts = Scripts(FOLDER)
    async with alone(settings) as database:
        applied = await _applied(database, scripts)
        for script in scripts.needed_for(target):
            if script.revision not in applied:
                typer.echo(f"upgrade {script.revision}: {script.about}", err=True)
                await script.upgrade(database)
                record = {"$set": {"branch": script.branch}, "$currentDate": {"applied_at": True}}
                await database[RECORDS].update_one({"_id": script.revision}, record, upsert=True)


async def downgrade(settings: DatabaseSettings, target: str) -> None:
    """Undo what the target is without."""
    scripts = Scripts(FOLDER)
    async with alone(settings) as database:
        for script in scripts.undone_by(target, await _applied(database, scripts)):
            typer.echo(f"downgrade {script.revision}: {script.about}", err=True)
            await script.downgrade(database)
            await database[RECORDS].delete_one({"_id": script.revision})


async def current(settings: DatabaseSettings) -> tuple[list[Script], list[Script]]:
    """The latest script that ran of each branch, and those that have not run."""
    scripts = Scripts(FOLDER)
    async with connected(settings) as database:
        applied = await _applied(database, scripts)
    ordered = scripts.needed_for("heads")
    latest = {script.branch: script for script in ordered if script.revision in applied}
    return [*latest.values()], [script for script in ordered if script.revision not in applied]


async def _applied(database: AsyncDatabase[Document], scripts: Scripts) -> set[str]:
    """The revisions that ran, less those of options that are switched off: their records stay.

    One of a branch that is still there must be known: else the database is ahead of this release.
    """
    applied = set[str]()
    async for record in database[RECORDS].find():
        named = REVISION.fullmatch(record["_id"])
        if named and named["branch"] in scripts.branches:
            applied.add(scripts.get(record["_id"]).revision)
    return applied


@asynccontextmanager
async def connected(settings: DatabaseSettings) -> AsyncGenerator[AsyncDatabase[Document]]:
    """The database, with no limit to the time that a command takes."""
    client = create_client(settings, limited=False)
    try:
        hello = await client.admin.command("hello")
        if "setName" not in hello and hello.get("msg") != "isdbgrid":
            raise MigrationError("MongoDB must be a replica set, if of one: transactions need it")
        yield client[settings.database_name]
    except PyMongoError as error:
        if error_code(error) is not ErrorCode.DEPENDENCY_UNAVAILABLE:
            raise
        cause = str(error).partition(", Timeout:")[0]
        message = f"The database at DATABASE_URL cannot be reached: {cause}"
        raise AppError(ErrorCode.DEPENDENCY_UNAVAILABLE, message) from None
    finally:
        await client.close()


@asynccontextmanager
async def alone(settings: DatabaseSettings) -> AsyncGenerator[AsyncDatabase[Document]]:
    """The database while no other process migrates it, by a document that says until when.

    Whoever holds it prolongs it; where that process dies, the next one waits for its lease to end.
    """
    owner = new_uuid()
    async with connected(settings) as database:
        await _wait_for_lease(database, owner)
        work = asyncio.current_task()
        assert work is not None
        prolonging = asyncio.create_task(_prolong(database, owner, work))
        try:
            yield database
        except asyncio.CancelledError:
            if prolonging.done():
                raise MigrationError("another process has taken over: run this again") from None
            raise
        finally:
            prolonging.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await prolonging
            await _lease(database, owner, {"owner": owner}, seconds=0)


async def _wait_for_lease(database: AsyncDatabase[Document], owner: UUID) -> None:
    with contextlib.suppress(DuplicateKeyError):
        free = {"$setOnInsert": {"owner": None, "expires_at": datetime.fromtimestamp(0, UTC)}}
        await database[LOCK].update_one({"_id": _THE_LOCK}, free, upsert=True)
    while True:
        lock = await database[LOCK].find_one({"_id": _THE_LOCK}, {"_id": False})
        hello = await database.command("hello", codec_options=database.codec_options)
        # Whoever is first changes what the others have seen.
        if (
            lock
            and lock["expires_at"] <= hello["localTime"]
            and await _lease(database, owner, lock)
        ):
            return
        await asyncio.sleep(_POLL_SECONDS)


async def _lease(
    database: AsyncDatabase[Document], owner: UUID, where: Document, seconds: float | None = None
) -> bool:
    """Whether the lease is the owner's from now on, by the time of the server."""
    milliseconds = int((LEASE_SECONDS if seconds is None else seconds) * 1000)
    values = {"owner": owner, "expires_at": {"$add": ["$$NOW", milliseconds]}}
    done = await database[LOCK].update_one({"_id": _THE_LOCK, **where}, [{"$set": values}])
    return bool(done.matched_count)


async def _prolong(
    database: AsyncDatabase[Document], owner: UUID, work: asyncio.Task[object]
) -> None:
    """Prolong the lease until cancelled; where somebody else has it by now, stop the work."""
    while True:
        await asyncio.sleep(LEASE_SECONDS / 3)
        with contextlib.suppress(PyMongoError):
            if not await _lease(database, owner, {"owner": owner}):
                work.cancel()
                return
