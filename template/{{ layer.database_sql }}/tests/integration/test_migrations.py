"""Migrations, by the command line, on databases of their own."""

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from typer.testing import CliRunner

from app.cli import cli
from app.db import engine
from app.db.settings import DatabaseSettings
from tests.support.database import empty_database


@pytest.fixture
def empty(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of an empty database, which is also that of the environment."""
    with empty_database(environment["DATABASE_URL"]) as url:
        monkeypatch.setenv("DATABASE_URL", url)
        yield url


@pytest.fixture
def migrations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the migrations, which a test may add to."""
    shutil.copy("alembic.ini", tmp_path)
    copied: Path = shutil.copytree("migrations", tmp_path / "migrations")
    monkeypatch.chdir(tmp_path)
    return copied


def migrate(*arguments: str, fails: bool = False) -> str:
    """Run `app migrate` and return its output."""
    done = CliRunner().invoke(cli, ["migrate", *arguments])
    assert bool(done.exit_code) is fails, done.output
    return done.output


@pytest.mark.usefixtures("empty")
def test_the_schema_goes_up_down_and_up_again_and_is_what_the_code_says() -> None:
    assert "upgrade core_0001" in migrate("upgrade")
    migrate("current", "--check")
    command.check(Config("alembic.ini"))

    assert "downgrade orders_0001" in migrate("downgrade", "orders@-1")
    migrate("current", "--check", fails=True)
    assert "core_0002 (head)" in migrate("current")

    migrate("downgrade", "base")
    assert migrate("current") == ""
    migrate("upgrade")
    migrate("current", "--check")


OWN_REVISION = """
from alembic import op
revision = "app_0002"
down_revision = "app_0001"
depends_on = "orders_0001"
def upgrade(): op.execute("CREATE TABLE own (id INTEGER PRIMARY KEY)")
def downgrade(): op.execute("DROP TABLE own")
"""
HALF_REVISION = """
from alembic import op
revision = "app_0003"
down_revision = "app_0002"
def upgrade():
    op.execute("INSERT INTO own VALUES (1)")
    op.execute("INSERT INTO nowhere VALUES (1)")
def downgrade(): op.execute("DELETE FROM own")
"""
RETIRED_REVISION = """
from alembic import op
revision = "retired_0001"
down_revision = None
branch_labels = ("retired",)
def upgrade(): op.execute("CREATE TABLE retired (id INTEGER)")
def downgrade(): op.execute("DROP TABLE retired")
"""
NAMED_LIKE_AN_OPTION = """
revision = "backfill_0001"
down_revision = "app_0001"
def upgrade(): pass
def downgrade(): pass
"""
DEPENDS_ON_RETIRED = """
revision = "app_0002"
down_revision = "app_0001"
depends_on = "retired_0001"
def upgrade(): pass
def downgrade(): pass
"""


@pytest.mark.usefixtures("empty")
def test_a_revision_of_your_own_may_depend_on_another_branch(migrations: Path) -> None:
    (migrations / "versions" / "app_0002_own.py").write_text(OWN_REVISION)
    migrate("upgrade", "orders@head")
    migrate("current", "--check", fails=True)
    assert "upgrade app_0002" in migrate("upgrade")
    migrate("current", "--check")
    migrate("downgrade", "app@-1")
    migrate("current", "--check", fails=True)


@pytest.mark.usefixtures("empty")
def test_rows_that_a_revision_wrote_before_it_failed_are_not_kept(migrations: Path) -> None:
    (migrations / "versions" / "app_0002_own.py").write_text(OWN_REVISION)
    migrate("upgrade")
    half = migrations / "versions" / "app_0003_half.py"
    half.write_text(HALF_REVISION)
    migrate("upgrade", fails=True)
    # The row would be there already.
    half.write_text(HALF_REVISION.replace("nowhere VALUES (1)", "own VALUES (2)"))
    migrate("upgrade")
    migrate("current", "--check")


@pytest.mark.usefixtures("empty")
def test_what_an_option_left_behind_does_not_stop_migrations(migrations: Path) -> None:
    retired = migrations / "retired" / "retired_0001_own.py"
    retired.parent.mkdir()
    retired.write_text(RETIRED_REVISION)
    assert "upgrade retired_0001" in migrate("upgrade")

    retired.unlink()
    migrate("current", "--check")
    assert migrate("upgrade") == ""
    retired.write_text(RETIRED_REVISION)
    assert migrate("upgrade") == ""


@pytest.mark.usefixtures("empty")
def test_a_revision_of_your_own_may_be_named_like_those_of_options(migrations: Path) -> None:
    (migrations / "versions" / "backfill_0001_own.py").write_text(NAMED_LIKE_AN_OPTION)
    assert "upgrade backfill_0001" in migrate("upgrade")
    assert migrate("upgrade") == ""
    migrate("current", "--check")


@pytest.mark.usefixtures("empty")
def test_a_revision_that_needs_what_an_option_took_along_is_one_line(migrations: Path) -> None:
    (migrations / "versions" / "app_0002_own.py").write_text(DEPENDS_ON_RETIRED)
    for command_and_more in (["upgrade"], ["current", "--check"], ["downgrade", "base"]):
        told = migrate(*command_and_more, fails=True)
        assert told.startswith("error: revision app_0002 depends on retired_0001, which")
        assert told.count("\n") == 1


@pytest.mark.usefixtures("empty")
def test_a_database_ahead_of_the_release_is_refused(migrations: Path) -> None:
    ahead = migrations / "versions" / "app_0002_own.py"
    ahead.write_text(OWN_REVISION)
    migrate("upgrade")
    ahead.unlink()
    assert "Can't locate revision" in migrate("upgrade", fails=True)


@pytest.mark.usefixtures("empty")
def test_a_revision_that_does_not_exist_is_one_line() -> None:
    assert migrate("upgrade", "nowhere", fails=True).startswith("error: Can't locate revision")


@pytest.mark.anyio
async def test_only_one_migrates_at_a_time(empty: str) -> None:
    settings = DatabaseSettings.model_validate({"database_url": empty})
    migrating = list[str]()

    async def run(name: str) -> None:
        async with engine.migrating(settings):
            migrating.append(name)
            await asyncio.sleep(0.02)
            migrating.append(name)

    names = "abcdefgh"
    await asyncio.gather(*map(run, names))
    assert migrating[::2] == migrating[1::2]
    assert sorted(migrating[::2]) == [*names]
