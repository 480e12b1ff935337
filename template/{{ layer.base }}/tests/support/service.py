"""Running the service and its commands as processes."""

import json
import signal
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx2

from dev.api import PORTS
from dev.processes import answers, kept_port
from tests.support.process import AppProcess

START_SECONDS = 20


@dataclass(frozen=True)
class Service:
    """A running process of the service: `url` is that of its HTTP port."""

    url: str
    process: AppProcess
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
        for line in self.output().splitlines(keepends=True):
            # The last one may be on its way.
            if line.startswith("{") and line.endswith("\n"):
                event = json.loads(line)
                if all(event.get(name) == value for name, value in wanted.items()):
                    events.append(event)
        return events

    def send_signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def stop(self) -> int:
        """End it as an orchestrator does, with SIGTERM, and return its exit status."""
        self.send_signal(signal.SIGTERM)
        return self.process.wait()

    def kill(self) -> None:
        """End it at once, as a crash does."""
        self.send_signal(signal.SIGKILL)
        self.process.wait()


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
    """Run `app COMMAND`; it is yielded once `ready` answers 200.

    The end of the context kills it: a test of how it ends, or of what it does then, stops it.
    """
    with ExitStack() as kept:
        ports = {name: kept.enter_context(kept_port()) for name in PORTS}
        env = changed({**environment, **{name: str(ports[name]) for name in ports}}, changes)
        log = folder / f"{command}-{uuid4().hex[:8]}.log"
        process = AppProcess([command], env, log)
        service = Service(f"http://127.0.0.1:{ports['PORT']}", process, env, log)
        try:
            _await_answer(service, ready)
            yield service
        finally:
            if not process.ended:
                service.kill()


def _await_answer(service: Service, path: str) -> None:
    limit = time.monotonic() + START_SECONDS
    port = urlsplit(service.url).port or 0
    with service.client(timeout=2.0) as client:
        while time.monotonic() < limit:
            if service.process.ended:
                raise AssertionError(f"The service has ended:\n{service.output()}")
            try:
                # To ask whether it listens costs a tenth of a request that fails.
                if answers(port) and client.get(path).status_code == httpx2.codes.OK:
                    return
            except httpx2.TransportError:
                pass
            time.sleep(0.02)
    raise AssertionError(f"{path} does not answer 200:\n{service.output()}")


def seconds_until(status: int, client: httpx2.Client, address: str) -> float:
    """How long it takes until the address answers with the status."""
    return seconds_until_true(lambda: client.get(address).status_code == status)


def seconds_until_true(condition: Callable[[], bool]) -> float:
    """How long it takes until the condition holds."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() < began + 10, "the condition does not become true"
        time.sleep(0.02)
    return time.monotonic() - began


@dataclass(frozen=True)
class Completed:
    """What a command has written, and its exit status."""

    returncode: int
    stdout: str
    stderr: str


def run_command(
    *arguments: str, env: Mapping[str, str], text: str = "", check: bool = True
) -> Completed:
    """Run `app ARGUMENTS` to its end, with `text` as its standard input."""
    with tempfile.TemporaryDirectory(prefix="app-tests-") as folder:
        output, errors = Path(folder) / "output", Path(folder) / "errors"
        status = AppProcess(arguments, env, output, errors, text).wait(60)
        done = Completed(status, output.read_text("utf-8"), errors.read_text("utf-8"))
    if check and done.returncode:
        raise AssertionError(f"`app {' '.join(arguments)}`: {done.stdout}\n{done.stderr}")
    return done
