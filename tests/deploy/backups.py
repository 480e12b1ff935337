"""Backing up and restoring on one machine, with a stand-in for Docker.

Only with SQLite does the database itself take part. Of the others it is told that nothing of a
backup that failed stays, and that a dump which is not whole never gets to the server.
"""

from __future__ import annotations

import gzip
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import IO

from tests.deploy.releases import Noted
from tests.matrix.checks import FaultError


def check(project: Path, log: IO[str]) -> None:
    """A project on one machine that has been released."""
    deploy = project / "deploy"
    servers = {file.stem for file in (deploy / "production").glob("*.yaml")}
    data, broken = project / ".data", project / ".broken"
    data.mkdir()
    dump = data / "dump"
    if "mongodb" in servers:
        dump.write_bytes(gzip.compress(b"orders" * 1000))
    else:
        dump.write_bytes(b"INSERT INTO orders;\n" * 1000 + b"\n-- Dump completed on 2026-01-01\n")
    with closing(sqlite3.connect(data / "app.db")) as database, database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("CREATE TABLE orders (customer TEXT)")
        database.executemany("INSERT INTO orders VALUES (?)", [("Ada" * 200,)] * 100)
    docker = Noted(
        project,
        log,
        "docker",
        # It begins a dump before it fails. What Python it is asked for runs here.
        f"""for last; do :; done
case "$*" in
    *dump* | *" python "*) if test -e "{broken}"; then echo part; exit 1; fi ;;
esac
case "$*" in
    *" python "*) exec "{sys.executable}" -c "$(echo "$last" | sed 's|/data/|{data}/|g')" ;;
    *" rm /data/backup.db") rm "{data}/backup.db" ;;
    *mongorestore*) exec bash -c "$(echo "$last" | sed 's|/run/secrets/|{deploy}/secrets/|')" ;;
    *mongodump* | *mysqldump* | *pg_dump*) cat "{dump}" ;;
esac
""",
    )
    backups = deploy / "backups"
    broken.touch()
    docker.run("deploy/backup", fails=True)
    if left := list(backups.iterdir()):
        raise FaultError(f"a backup that failed leaves {left}")
    broken.unlink()
    docker.run("deploy/backup")
    [backup] = backups.iterdir()
    if servers.isdisjoint({"mongodb", "mysql", "postgresql"}):
        _sqlite(docker, data, backup)
        return
    if backup.read_bytes() != dump.read_bytes():
        raise FaultError("a backup is not what the server sent")
    if "mongodb" in servers:
        _mongodb(docker, data, backup)
    else:
        docker.run("deploy/restore", str(backup))
    if "postgresql" not in servers:
        # PostgreSQL itself reads the dump into another database first.
        for kept in (0, -100):
            torn = _torn(backup, kept)
            if calls := docker.run("deploy/restore", str(torn), fails=True):
                raise FaultError(f"a dump that is not whole gets to the server: {calls}")


def _torn(backup: Path, kept: int) -> Path:
    torn = backup.with_name(f"torn{backup.suffix}")
    torn.write_bytes(backup.read_bytes()[:kept])
    return torn


def _mongodb(docker: Noted, data: Path, backup: Path) -> None:
    """The dump is for `mongorestore` alone, and only after the old data could be dropped."""
    failing, restored = data / "failing", data / "restored"
    docker.add("mongosh", f'cat >/dev/null\ntest ! -e "{failing}"')
    docker.add("mongorestore", f'cat >"{restored}"')
    failing.touch()
    docker.run("deploy/restore", str(backup), fails=True)
    if restored.exists():
        raise FaultError("a dump is restored beside what could not be dropped")
    failing.unlink()
    docker.run("deploy/restore", str(backup))
    if restored.read_bytes() != backup.read_bytes():
        raise FaultError("not all of the dump is restored")


def _sqlite(docker: Noted, data: Path, backup: Path) -> None:
    live = data / "app.db"
    live.write_bytes(b"what was there")
    for kept in (0, 100, 4096, -100, -4096):
        docker.run("deploy/restore", str(_torn(backup, kept)), fails=True)
        if live.read_bytes() != b"what was there":
            raise FaultError(f"a copy that is not whole ({kept}) replaces the database")
    docker.run("deploy/restore", str(backup))
    with closing(sqlite3.connect(live)) as database:
        [(orders,)] = database.execute("SELECT count(*) FROM orders")
    if orders != 100 or sorted(file.name for file in data.iterdir()) != ["app.db", "dump"]:
        raise FaultError(f"a restored database has {orders} orders, beside {list(data.iterdir())}")
