"""Migrations, by the command line, on databases of their own."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from alembic import command
from alembic.config import Config
from typer.testing import CliRunner, Result

from app.cli import cli
from tests.support.database import empty_database
from tests.support.service import run_command

Migrate = Callable[..., Result]


@pytest.fixture
def empty(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of an empty database, which is also that of the environment."""
    with empty_database(environment["DATABASE_URL"]) as url:
        monkeypatch.setenv("DATABASE_URL", url)
        yield url


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


@pytest.mark.usefixtures("empty")
def test_a_revision_that_does_not_exist_is_one_line() -> None:
    assert migrate("upgrade", "nowhere", fails=True).startswith("error: Can't locate revision")


def test_two_processes_may_migrate_at_the_same_time(
    environment: dict[str, str], empty: str
) -> None:
    values = {**environment, "DATABASE_URL": empty}

    def upgrade() -> str:
        return run_command("migrate", "upgrade", env=values).stderr

    with ThreadPoolExecutor() as threads:
        outputs = [threads.submit(upgrade) for _ in range(2)]
    done = [line for output in outputs for line in output.result().splitlines()]
    assert len(done) == len(set(done)) > 1
    migrate("current", "--check")
