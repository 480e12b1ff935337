"""Running the service and its commands as processes."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from types import MappingProxyType
from typing import IO, Any
from uuid import uuid4

import httpx2

from dev.environment import PROJECT, SCRIPTS
from dev.processes import Process, free_port, guard, stop
from tests.support.fork_server import fork
from tests.support.servers import fork_server_path

APP = SCRIPTS / "app"
START_SECONDS = 20
COMMAND_SECONDS = 60


@dataclass(frozen=True)
class Service:
    """A running process of the service: `url` is that of its HTTP port."""

    url: str
    process: Process
    environment: Mapping[str, str]
    log: Path

    def client(self, **options: Any) -> httpx2.Client:
        """A new HTTP client for it; the caller closes it."""
        # To load certificates takes longer than most tests, and the service speaks plain HTTP.
        return httpx2.Client(base_url=self.url, **{"timeout": 15.0, "verify": False, **options})

    def output(self) -> str:
        """All that the process has written."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def logs(self, **wanted: object) -> list[dict[str, Any]]:
        """The log events that carry the wanted fields."""
        events = []
        for line in self.output().splitlines():
            if line.startswith("{"):
                event = json.loads(line)
                if all(event.get(name) == value for name, value in wanted.items()):
                    events.append(event)
        return events

    def send_signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def stop(self) -> int:
        """End it as an orchestrator does, with SIGTERM, and return its exit status."""
        return stop(self.process)

    def kill(self) -> None:
        """End it at once, as a crash does."""
        stop(self.process, signal.SIGKILL)


def changed(environment: Mapping[str, str], changes: Mapping[str, str | None]) -> dict[str, str]:
    """The environment with some variables set, or unset by None."""
    return {name: value for name, value in {**environment, **changes}.items() if value is not None}


@contextmanager
def running_service(
    environment: Mapping[str, str],
    folder: Path,
    command: str = "serve",
    *,
    changes: Mapping[str, str | None] = MappingProxyType({}),
    ready: str = "/health/ready",
) -> Iterator[Service]:
    """Run `app COMMAND` until the end of the context; it is yielded once `ready` answers 200.

    It ends by a kill: how it stops by itself takes longer, and is for the tests that look at it.
    """
    port = free_port()
    env = changed({**environment, "PORT": str(port)}, changes)
    log = folder / f"{command}-{uuid4().hex[:8]}.log"
    with Path(os.devnull).open("rb") as nothing, log.open("ab") as output:
        process = _start([command], env, nothing, output, output)
    service = Service(f"http://127.0.0.1:{port}", process, env, log)
    try:
        _await_answer(service, ready)
        yield service
    finally:
        service.kill()


def _await_answer(service: Service, path: str) -> None:
    limit = time.monotonic() + START_SECONDS
    with service.client(timeout=2.0) as client:
        while time.monotonic() < limit:
            if service.process.poll() is not None:
                raise AssertionError(f"The service has ended:\n{service.output()}")
            try:
                if client.get(path).status_code == httpx2.codes.OK:
                    return
            except httpx2.TransportError:
                pass
            time.sleep(0.02)
    raise AssertionError(f"{path} does not answer 200:\n{service.output()}")


def seconds_until(status: int, client: httpx2.Client, address: str) -> float:
    """How long it takes until the address answers with the status."""
    began = time.monotonic()
    while client.get(address).status_code != status:
        assert time.monotonic() < began + 10, f"{address} does not answer {status}"
        time.sleep(0.02)
    return time.monotonic() - began


def run_command(
    *arguments: str, env: Mapping[str, str], text: str = "", check: bool = True
) -> subprocess.CompletedProcess[str]:
    """Run `app ARGUMENTS` to its end, with `text` as its standard input."""
    with TemporaryFile() as given, TemporaryFile() as output, TemporaryFile() as errors:
        given.write(text.encode())
        given.seek(0)
        process = _start(arguments, env, given, output, errors)
        try:
            process.wait(COMMAND_SECONDS)
        finally:
            status = stop(process)
        written = [_content(file) for file in (output, errors)]
    done = subprocess.CompletedProcess(arguments, status, *written)
    if check and done.returncode:
        raise AssertionError(f"`app {' '.join(arguments)}`: {done.stdout}\n{done.stderr}")
    return done


def _start(arguments: Sequence[str], env: Mapping[str, str], *streams: IO[bytes]) -> Process:
    """Start `app ARGUMENTS` on the standard input, output and error that are given."""
    process: Process
    if forks := fork_server_path():
        process = fork(forks, arguments, env, [stream.fileno() for stream in streams])
    else:
        given, output, errors = streams
        process = subprocess.Popen(
            [APP, *arguments],
            env=env,
            cwd=PROJECT,
            stdin=given,
            stdout=output,
            stderr=errors,
            start_new_session=True,
        )
    guard().watch(process.pid, signal.SIGTERM)
    return process


def _content(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode()
