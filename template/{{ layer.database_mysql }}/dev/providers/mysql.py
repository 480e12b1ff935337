"""A MySQL or MariaDB server that is installed, or else the one of `compose.yaml`."""

import os
import secrets
import shutil
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from dev.processes import DevelopmentError, Place, answers, server

VARIABLES = ("DATABASE_URL",)

# As root the server runs under this user id, which it needs, and reaches a project folder that
# only root may enter by the one capability it keeps.
UNPRIVILEGED = 65534
AS_UNPRIVILEGED = (
    "setpriv",
    f"--reuid={UNPRIVILEGED}",
    f"--regid={UNPRIVILEGED}",
    "--clear-groups",
    "--inh-caps=+dac_override",
    "--ambient-caps=+dac_override",
    "--securebits=+no_setuid_fixup",
    "--",
)
# Tells the service that this server is not one for production.
MARK = "program_name=embedded"
SPEED_OVER_SAFETY = ("--innodb-flush-log-at-trx-commit=0", "--sync-binlog=0")
# Run at each start; nobody else than the service has business here.
FIRST = """
CREATE DATABASE IF NOT EXISTS app;
CREATE USER IF NOT EXISTS 'app'@'127.0.0.1' IDENTIFIED BY '{}';
GRANT ALL ON *.* TO 'app'@'127.0.0.1' WITH GRANT OPTION;
ALTER USER 'root'@'localhost' ACCOUNT LOCK;
"""
COMPOSE = ("docker", "compose", "up", "--detach", "--wait", "mysql")


@contextmanager
def start(place: Place) -> Iterator[dict[str, str]]:
    """Run the server, or use the one that already runs on the same data."""
    program = _program("mariadbd") or _program("mysqld")
    if program is None:
        yield {"DATABASE_URL": _composed()}
        return
    folder = place.folder("mysql").resolve()
    data, password, first = folder / "data", folder / "password", folder / "first.sql"
    # Of its own: a server that starts removes the temporary tables of others that share the place.
    temporary = folder / "tmp"
    temporary.mkdir(mode=0o700, exist_ok=True)
    prefix = AS_UNPRIVILEGED if os.geteuid() == 0 else ()
    if not (data / "mysql").exists():
        _create(program, prefix, folder, temporary)

    def url(port: int) -> dict[str, str]:
        secret = password.read_text(encoding="utf-8")
        return {"DATABASE_URL": f"mysql://app:{secret}@127.0.0.1:{port}/app?{MARK}"}

    running = _port(folder)
    if running is not None and answers(running):
        yield url(running)
        return

    def command(port: int) -> Sequence[str | Path]:
        (folder / "port").write_text(str(port), encoding="utf-8")
        return [
            *(*prefix, program, "--no-defaults", f"--datadir={data}", f"--init-file={first}"),
            *("--bind-address=127.0.0.1", f"--port={port}", "--loose-mysqlx=OFF"),
            f"--tmpdir={temporary}",
            # Relative to the data: a path of a socket may have no more than a hundred characters.
            *("--socket=server.sock", f"--pid-file={folder / 'data' / 'server.pid'}"),
            *("--skip-name-resolve", "--skip-log-bin", "--max-connections=300"),
            *("--character-set-server=utf8mb4", "--collation-server=utf8mb4_bin"),
            *(() if place.durable else SPEED_OVER_SAFETY),
        ]

    with server("MySQL", command, _greets, folder / "server.log") as port:
        yield url(port)


def _program(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ['PATH']}{os.pathsep}/usr/sbin")


def _composed() -> str:
    """The URL of the server that Docker runs."""
    port = os.environ.get("MYSQL_PORT", "3306")
    url = f"mysql://root:only-for-development@127.0.0.1:{port}/app?ssl-mode=required&{MARK}"
    tried = ""
    if shutil.which("docker"):
        done = subprocess.run(COMPOSE, capture_output=True, text=True, check=False)
        if not done.returncode:
            return url
        tried = f" Docker was tried: {_last_line(done)}"
    raise DevelopmentError(
        f"No MySQL or MariaDB is installed: install one, or run `{' '.join(COMPOSE)}` and "
        f"`export DATABASE_URL='{url}'`.{tried}"
    )


def _create(program: str, prefix: tuple[str, ...], folder: Path, temporary: Path) -> None:
    partial, password, first = folder / "partial", folder / "password", folder / "first.sql"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(mode=0o700)
    secret = secrets.token_urlsafe(24)
    texts = {password: secret, first: FIRST.format(secret)}
    for path, text in texts.items():
        path.touch(mode=0o600)
        path.write_text(text, encoding="utf-8")
    if prefix:
        for path in (folder, partial, temporary, first):
            os.chown(path, UNPRIVILEGED, UNPRIVILEGED)
    install = _program("mariadb-install-db")
    command = [*prefix, program, "--no-defaults", "--initialize-insecure"]
    if install and Path(program).name == "mariadbd":
        command = [*prefix, install, "--no-defaults", "--skip-test-db"]
    _run([*command, f"--datadir={partial}", f"--tmpdir={temporary}"])
    # Under another name until it is whole.
    partial.rename(folder / "data")


def _run(command: Sequence[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise DevelopmentError(
            f"MySQL cannot be set up, set DATABASE_URL to use another server: {_last_line(done)}"
        )


def _last_line(done: subprocess.CompletedProcess[str]) -> str:
    """What a program said last before it failed."""
    return (done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1][-200:]


def _port(folder: Path) -> int | None:
    """The port of the server that runs on the data."""
    try:
        os.kill(int((folder / "data" / "server.pid").read_text(encoding="utf-8")), 0)
        return int((folder / "port").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _greets(port: int) -> bool:
    """Whether the server is ready, and not just about to listen: it speaks first."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
        return bool(connection.recv(1))
    return False
