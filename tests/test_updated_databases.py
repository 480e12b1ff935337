"""A database with the user's own revisions goes on through updates that switch options."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from pathlib import Path

import pytest

from tests.support import servers
from tests.support.projects import start, update
from tests.support.snapshot import ROOT, commit

ANSWERS = {
    "database": "sqlite",
    "queue": "none",
    "cache": "memory",
    "hosting": "compose",
    "python_version": "3.11",
}
OWN_REVISION = """
revision = "app_0002"
down_revision = "app_0001"
branch_labels = None
depends_on = "orders_0001"


def upgrade() -> None:
    op.execute("CREATE TABLE invoices (id VARCHAR(36) PRIMARY KEY)")
    op.execute("INSERT INTO invoices VALUES ('mine')")


def downgrade() -> None:
    op.execute("DROP TABLE invoices")
"""


def test_switching_an_option_adds_its_tables_beside_the_users(
    template: Path, tmp_path: Path
) -> None:
    project = start(template, tmp_path / "project", ANSWERS)
    own = project / "migrations" / "versions" / "app_0002_invoices.py"
    own.write_text(f'"""Invoices."""\n\nfrom alembic import op\n{OWN_REVISION}', encoding="utf-8")
    commit(project, "Our own table")
    database = tmp_path / "service.db"
    assert "outbox" not in _migrated(project, database)

    update(project, {"queue": "redis"})
    assert {"invoices", "orders", "outbox"} <= _migrated(project, database)

    update(project, {"queue": "none"})
    assert {"invoices", "orders", "outbox"} <= _migrated(project, database)

    update(project, {"queue": "redis"})
    assert {"invoices", "orders", "outbox"} <= _migrated(project, database)
    with sqlite3.connect(database) as connection:
        assert connection.execute("SELECT id FROM invoices").fetchall() == [("mine",)]


@pytest.mark.parametrize("other", ["mysql", "mongodb"])
def test_switching_the_database_leaves_the_old_one_alone(
    template: Path, tmp_path: Path, other: str
) -> None:
    project = start(template, tmp_path / "project", ANSWERS | {"queue": "redis"})
    own = project / "migrations" / "versions" / "app_0002_invoices.py"
    own.write_text(f'"""Invoices."""\n\nfrom alembic import op\n{OWN_REVISION}', encoding="utf-8")
    commit(project, "Our own table")
    database = tmp_path / "service.db"
    tables = _migrated(project, database)

    update(project, {"database": other})
    shutil.copy(ROOT / "uv.lock", project / "uv.lock")
    for command in (("upgrade",), ("current", "--check")):
        subprocess.run(
            [
                "uv",
                "run",
                "--quiet",
                "python",
                "-m",
                "dev",
                "exec",
                "--",
                "app",
                "migrate",
                *command,
            ],
            cwd=project,
            env=_environment() | servers.environment(project),
            check=True,
        )
    commit(project, "Lock what was installed")

    update(project, {"database": "sqlite"})
    assert _migrated(project, database) == tables
    with sqlite3.connect(database) as connection:
        assert connection.execute("SELECT id FROM invoices").fetchall() == [("mine",)]


def test_accounts_stay_whatever_a_login_gives(template: Path, tmp_path: Path) -> None:
    project = start(template, tmp_path / "project", ANSWERS | {"auth": "jwt"})
    database = tmp_path / "service.db"
    assert "sessions" not in _migrated(project, database)
    _app(project, database, "create-admin", "ada@example.com", text="plum otter cabin 47")
    with sqlite3.connect(database) as connection:
        accounts = connection.execute("SELECT * FROM users").fetchall()
    assert len(accounts) == 1

    for auth in ("session", "jwt", "session"):
        update(project, {"auth": auth})
        assert {"sessions", "token_families", "users"} <= _migrated(project, database)
        with sqlite3.connect(database) as connection:
            assert connection.execute("SELECT * FROM users").fetchall() == accounts
        _app(project, database, "users", "enable", "ada@example.com")


def test_a_client_takes_the_place_of_an_account(template: Path, tmp_path: Path) -> None:
    """As docs/updating.md has it: the client gets the account's id, and so its orders."""
    project = start(template, tmp_path / "project", ANSWERS | {"auth": "jwt"})
    database = tmp_path / "service.db"
    _migrated(project, database)
    _app(project, database, "create-admin", "ada@example.com", text="plum otter cabin 47")
    update(project, {"auth": "api_key"})
    assert {"api_clients", "api_keys", "token_families", "users"} <= _migrated(project, database)
    with sqlite3.connect(database) as connection:
        accounts = connection.execute("SELECT id, created_at FROM users").fetchall()
        connection.execute(
            "INSERT INTO api_clients (id, name, created_at) SELECT id, 'ada', created_at FROM users"
        )
    _app(project, database, "api-keys", "create", "ada")

    update(project, {"auth": "jwt"})
    assert {"api_clients", "api_keys"} <= _migrated(project, database)
    _app(project, database, "users", "enable", "ada@example.com")
    with sqlite3.connect(database) as connection:
        assert connection.execute("SELECT id, created_at FROM users").fetchall() == accounts
        owners = connection.execute("SELECT client_id FROM api_keys").fetchall()
    assert owners == [(account,) for account, _ in accounts]


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}


def _app(project: Path, database: Path, *arguments: str, text: str = "") -> None:
    """Run a command of the project's service."""
    subprocess.run(
        ["uv", "run", "--quiet", "app", *arguments],
        cwd=project,
        env=_environment() | {"DATABASE_URL": f"sqlite:///{database}"},
        input=text.encode(),
        check=True,
    )


def _migrated(project: Path, database: Path) -> set[str]:
    """Bring the database to the project's newest revisions; returns the names of its tables."""
    shutil.copy(ROOT / "uv.lock", project / "uv.lock")
    _app(project, database, "migrate", "upgrade")
    commit(project, "Lock what was installed")
    with sqlite3.connect(database) as connection:
        rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        return {str(name) for (name,) in rows}
