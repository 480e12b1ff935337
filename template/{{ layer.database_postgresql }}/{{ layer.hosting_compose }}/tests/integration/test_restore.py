"""`deploy/backup` and `deploy/restore`, with a server that runs in no container."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from dev.processes import Place
from dev.providers import postgresql

SCRIPTS = ("accounts", "accounts.sql", "backup", "restore")
SECRETS = ("DATABASE_URL", "postgresql_migrator_password", "postgresql_service_password")
pytestmark = pytest.mark.anyio
# Of `exec --no-TTY postgresql PROGRAM …` it runs the program; the server is up already.
COMPOSE = """#!/bin/sh
[ "$1" != exec ] || { shift 3; exec "$@"; }
"""

# Who owns what, and what the others may do with it.
RIGHTS = """
    SELECT datname, datdba::regrole, datacl FROM pg_database WHERE datname = 'app'
    UNION ALL
    SELECT nspname, nspowner::regrole, nspacl FROM pg_namespace WHERE nspname = 'public'
    UNION ALL SELECT relname, relowner::regrole, relacl FROM pg_class WHERE relname = 'kept'
    UNION ALL SELECT defaclobjtype::text, defaclrole::regrole, defaclacl FROM pg_default_acl
    ORDER BY 1
"""


class Machine:
    """The folder `deploy` of a machine, and what its programs need to reach the server."""

    def __init__(self, folder: Path, url: str) -> None:
        self.url = urlsplit(url)
        self._deploy = folder / "deploy"
        (self._deploy / "secrets").mkdir(parents=True)
        for name in SCRIPTS:
            shutil.copy(Path("deploy", name), self._deploy)
        for name in SECRETS:
            (self._deploy / "secrets" / name).write_text("secret", encoding="utf-8")
        (self._deploy / "compose").write_text(COMPOSE, encoding="utf-8")
        (self._deploy / "compose").chmod(0o755)
        self._environment = {
            "PATH": f"{postgresql.installed_programs()}{os.pathsep}{os.environ['PATH']}",
            "PGHOST": str(self.url.hostname),
            "PGPORT": str(self.url.port),
            "PGPASSWORD": str(self.url.password),
        }

    def run(self, script: str, *arguments: str | Path) -> str:
        """What the script writes, without its last line feed; raises `CalledProcessError`."""
        done = subprocess.run(
            [self._deploy / script, *arguments],
            env=self._environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.removesuffix("\n")

    def sql(self, statements: str) -> str:
        """The rows of the last statement, one a line."""
        to = ("--username=app", "--dbname=app", "--set=ON_ERROR_STOP=1")
        quiet = ("--quiet", "--no-psqlrc", "--tuples-only", "--no-align")
        program = ("exec", "--no-TTY", "postgresql", "psql")
        return self.run("compose", *program, *to, *quiet, f"--command={statements}")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    folder = tmp_path_factory.mktemp("machine")
    with postgresql.start(Place(folder, durable=False)) as values:
        machine = Machine(folder, values["DATABASE_URL"])
        machine.run("accounts")
        yield machine


@pytest.fixture
def machine(server: Machine) -> Machine:
    """With a table of one row."""
    server.sql("SET ROLE migrator; DROP TABLE IF EXISTS kept; CREATE TABLE kept (id int)")
    server.sql("INSERT INTO kept VALUES (1)")
    return server


def test_nothing_is_left_of_what_is_newer_than_the_dump(machine: Machine) -> None:
    dump = machine.run("backup")
    machine.sql(
        """
        SET ROLE migrator;
        INSERT INTO kept VALUES (2);
        CREATE TABLE newer (id int);
        CREATE TYPE newer_type AS ENUM ('one');
        CREATE SCHEMA newer_schema;
        """
    )
    machine.run("restore", dump)
    assert machine.sql("TABLE kept") == "1"
    newer = """
        SELECT relname FROM pg_class WHERE relname LIKE 'newer%'
        UNION SELECT typname FROM pg_type WHERE typname LIKE 'newer%'
        UNION SELECT nspname FROM pg_namespace WHERE nspname LIKE 'newer%'
    """
    assert machine.sql(newer) == ""


def test_the_accounts_have_the_rights_that_they_had(machine: Machine) -> None:
    before = machine.sql(RIGHTS)
    assert "service=arwd/migrator" in before
    machine.run("restore", machine.run("backup"))
    assert machine.sql(RIGHTS) == before


def test_a_dump_that_is_not_whole_changes_nothing_and_a_whole_one_then_works(
    machine: Machine, tmp_path: Path
) -> None:
    dump = Path(machine.run("backup"))
    broken = tmp_path / "broken.dump"
    broken.write_bytes(dump.read_bytes()[: dump.stat().st_size // 2])
    machine.sql("INSERT INTO kept VALUES (2)")
    with pytest.raises(subprocess.CalledProcessError):
        machine.run("restore", broken)
    assert machine.sql("TABLE kept") == "1\n2"
    machine.run("restore", dump)
    assert machine.sql("TABLE kept") == "1"
    assert machine.sql("SELECT datname FROM pg_database ORDER BY oid DESC LIMIT 1") == "app"


async def test_a_database_in_use_stays(machine: Machine) -> None:
    dump = machine.run("backup")
    connection = await asyncpg.connect(machine.url.geturl())
    try:
        await connection.execute("INSERT INTO kept VALUES (2)")
        with pytest.raises(subprocess.CalledProcessError) as caught:
            machine.run("restore", dump)
    finally:
        await connection.close()
    assert "is being accessed by other users" in caught.value.stderr
    assert machine.sql("TABLE kept") == "1\n2"
