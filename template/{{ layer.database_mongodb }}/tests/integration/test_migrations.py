"""Migrations, by the command line, on databases of their own."""

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database as Found
from typer.testing import CliRunner

from app.cli import cli
from app.db import migrations as running
from app.db.audit import COLLECTION as AUDIT
from tests.fixtures.database import settings_of
from tests.support.database import empty_database
from tests.support.service import run_command

OWN = """
depends_on = ("orders_0001",)
async def upgrade(database): await database.create_collection("own")
async def downgrade(database): await database.drop_collection("own")
"""
INTERRUPTED = """
from pymongo import IndexModel
from app.db.schema import TEXT, document, make_collection
async def upgrade(database):
    await make_collection(database, "own", document(name=TEXT), [IndexModel("name")])
    if await database["own"].count_documents({}) == 0:
        await database["own"].insert_one({"name": "begun"})
        raise KeyboardInterrupt
async def downgrade(database): await database.drop_collection("own")
"""
ALEMBIC = """
from alembic import op
down_revision = "app_0001"
def upgrade(): op.execute("CREATE TABLE own (id INTEGER)")
"""


@pytest.fixture
def empty(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of an empty database, which is also that of the environment."""
    with empty_database(environment["DATABASE_URL"]) as url:
        monkeypatch.setenv("DATABASE_URL", url)
        yield url


@pytest.fixture
def found(empty: str) -> Iterator[Found[dict[str, Any]]]:
    """What is in that database."""
    with MongoClient[dict[str, Any]](empty) as client:
        yield client.get_default_database()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the migrations, which a test may add to."""
    copied: Path = shutil.copytree("migrations", tmp_path / "migrations")
    monkeypatch.chdir(tmp_path)
    return copied


def migrate(*arguments: str, fails: bool = False) -> str:
    """Run `app migrate` and return its output."""
    done = CliRunner().invoke(cli, ["migrate", *arguments])
    assert bool(done.exit_code) is fails, done.output
    return done.output


def test_the_schema_goes_up_down_and_up_again(found: Found[dict[str, Any]]) -> None:
    assert "upgrade core_0001" in migrate("upgrade")
    migrate("current", "--check")
    assert {"orders", AUDIT, "idempotency_records"} <= set(found.list_collection_names())

    assert "downgrade orders_0001" in migrate("downgrade", "orders@-1")
    assert "orders" not in found.list_collection_names()
    migrate("current", "--check", fails=True)
    assert "core_0001 (head)" in migrate("current")

    migrate("downgrade", "base")
    assert migrate("current") == ""
    assert set(found.list_collection_names()) <= {running.RECORDS, running.LOCK}
    migrate("upgrade")
    assert migrate("upgrade") == ""


def test_collections_refuse_what_is_not_as_the_stores_write_it(
    found: Found[dict[str, Any]],
) -> None:
    migrate("upgrade")
    for name in found.list_collection_names(filter={"options.validator": {"$exists": True}}):
        with pytest.raises(Exception, match="validation"):
            found[name].insert_one({"_id": "of another type"})
    assert found["orders"].options()["validator"]["$jsonSchema"]["required"]


@pytest.mark.usefixtures("empty")
def test_a_migration_of_your_own_may_depend_on_another_branch(folder: Path) -> None:
    (folder / "versions" / "app_0002_own.py").write_text(OWN)
    migrate("upgrade", "orders@head")
    migrate("current", "--check", fails=True)
    assert "upgrade app_0002" in migrate("upgrade")
    migrate("current", "--check")
    undone = migrate("downgrade", "orders@base")
    assert undone.index("downgrade app_0002") < undone.index("downgrade orders_0001")
    migrate("current", "--check", fails=True)


@pytest.mark.usefixtures("empty")
def test_what_an_option_left_behind_does_not_stop_migrations(folder: Path) -> None:
    retired = folder / "retired" / "retired_0001_own.py"
    retired.parent.mkdir()
    retired.write_text(OWN)
    assert "upgrade retired_0001" in migrate("upgrade")

    retired.unlink()
    migrate("current", "--check")
    assert migrate("upgrade") == ""
    retired.write_text(OWN)
    assert migrate("upgrade") == ""


@pytest.mark.usefixtures("empty")
def test_what_was_written_for_an_sql_database_is_passed_over(folder: Path) -> None:
    (folder / "versions" / "app_0002_own.py").write_text(ALEMBIC)
    (folder / "versions" / "4c1d_by_hand.py").write_text(ALEMBIC)
    assert migrate("upgrade").count("passed over") == 2
    migrate("current", "--check")


@pytest.mark.usefixtures("empty")
def test_a_database_ahead_of_the_release_is_refused(folder: Path) -> None:
    ahead = folder / "versions" / "app_0002_own.py"
    ahead.write_text(OWN)
    migrate("upgrade")
    ahead.unlink()
    assert "Can't locate revision app_0002" in migrate("upgrade", fails=True)


@pytest.mark.usefixtures("empty")
@pytest.mark.parametrize("command", ["upgrade", "downgrade"])
def test_a_revision_that_does_not_exist_is_one_line(command: str) -> None:
    said = migrate(command, "nowhere", fails=True)
    assert said.startswith("error: Can't")
    assert said.count("\n") == 1


def test_what_was_interrupted_is_run_again(folder: Path, found: Found[dict[str, Any]]) -> None:
    (folder / "versions" / "app_0002_own.py").write_text(INTERRUPTED)
    migrate("upgrade", fails=True)
    migrate("current", "--check", fails=True)
    assert "upgrade app_0002" in migrate("upgrade")
    migrate("current", "--check")
    assert found["own"].count_documents({}) == 1


def test_only_one_migrates_at_a_time(empty: str) -> None:
    settings = settings_of(empty)
    migrating = list[str]()

    async def run(name: str) -> None:
        async with running.alone(settings):
            migrating.append(name)
            await asyncio.sleep(0.02)
            migrating.append(name)

    async def run_all() -> None:
        await asyncio.gather(*map(run, "abcd"))

    asyncio.run(run_all())
    assert migrating[::2] == migrating[1::2]
    assert sorted(migrating[::2]) == [*"abcd"]


def test_who_died_migrating_is_followed_after_its_lease(found: Found[dict[str, Any]]) -> None:
    now = found.command("hello")["localTime"]
    found[running.LOCK].insert_one({"_id": "migrate", "owner": "dead", "expires_at": now})
    assert "upgrade core_0001" in migrate("upgrade")


def test_whose_lease_another_has_taken_stops(
    empty: str, found: Found[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "LEASE_SECONDS", 0.3)

    async def run() -> None:
        async with running.alone(settings_of(empty)):
            found[running.LOCK].update_one({"_id": "migrate"}, {"$set": {"owner": "another"}})
            await asyncio.sleep(5)

    with pytest.raises(Exception, match="another process has taken over"):
        asyncio.run(run())
    assert found[running.LOCK].count_documents({"owner": "another"}) == 1


def test_a_command_without_its_server_fails_in_one_line(environment: dict[str, str]) -> None:
    url = "mongodb://app:hunter2@127.0.0.1:9/app"
    for command in (("audit", "prune"), ("migrate", "current")):
        done = run_command(*command, env={**environment, "DATABASE_URL": url}, check=False)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("error: ")
        assert done.stderr.count("\n") == 1
        assert "hunter2" not in done.stderr
        assert "(None)" not in done.stderr
    assert "DATABASE_URL" in done.stderr
