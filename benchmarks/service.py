"""The rendered service with everything on against bare applications that run the same queries."""

import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from benchmarks.load import Load, Request, put_load
from benchmarks.report import Table, median
from tests.support.rendering import Renderer
from tests.support.snapshot import snapshot

CONNECTIONS = 32
WARM_UP_SECONDS = 2
POOL_SIZE = 10
STARTS = 5
HERE = Path(__file__).parent
WIDE = "100000000/second"
SETTINGS = {
    "APP_ENV": "test",
    "LOG_FORMAT": "json",
    "DB_POOL_SIZE": str(POOL_SIZE),
    **{
        f"RATE_LIMIT_{name}": WIDE
        for name in ("PRINCIPAL", "ADDRESS", "GLOBAL", "LOGIN_ACCOUNT", "LOGIN_ADDRESS")
    },
}
ORDER = json.dumps(
    {
        "customer_reference": "PO-1042",
        "currency": "EUR",
        "lines": [
            {"sku": "TEA-100", "quantity": 2, "unit_price": "12.50"},
            {"sku": "POT-1", "quantity": 1, "unit_price": "30.00"},
        ],
    }
)
JSON = {"Content-Type": "application/json"}


@dataclass
class Measured:
    """What one round after another has shown of one kind of request."""

    loads: list[Load] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)

    def median(self, name: str) -> float:
        return median([getattr(load, name) for load in self.loads])


@dataclass
class Target:
    """One application: how it is started, and its requests by kind."""

    name: str
    command: list[str]
    env: dict[str, str]
    cwd: Path
    log: Path
    prefix: str = ""
    port: int = 0
    process: subprocess.Popen[bytes] | None = None
    requests: dict[str, Request] = field(default_factory=dict)
    measured: dict[str, Measured] = field(default_factory=dict)
    starts: list[float] = field(default_factory=list)
    rss: float = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @contextmanager
    def running(self) -> Iterator[None]:
        """Start it, and note the time until it answers."""
        self.port = _free_port()
        command = [part.replace("PORT", str(self.port)) for part in self.command]
        started = time.perf_counter()
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                command,
                env=self.env | {"PORT": str(self.port)},
                cwd=self.cwd,
                stdout=output,
                stderr=output,
            )
        try:
            while not self._answers():
                assert self.process.poll() is None, self.log.read_text()
                time.sleep(0.005)
            self.starts.append(time.perf_counter() - started)
            yield
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{error}:\n{self.log.read_text()[-4000:]}") from error
        finally:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(30)

    def _answers(self) -> bool:
        try:
            call("GET", f"{self.url}{self.prefix}/orders/00000000-0000-0000-0000-000000000000", {})
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False
        return True

    def prepare(self, headers: Mapping[str, str]) -> None:
        """Place the order that is read."""
        orders = f"{self.url}{self.prefix}/orders"
        order = call("POST", orders, {**headers, **JSON}, ORDER)
        self.requests = {
            "read": Request("GET", f"{orders}/{order['id']}", dict(headers)),
            "write": Request("POST", orders, {**headers, **JSON}, ORDER),
        }
        for kind, request in self.requests.items():
            self.measured.setdefault(kind, Measured())
            put_load(request, WARM_UP_SECONDS, CONNECTIONS)

    def measure(self, kind: str, seconds: float) -> None:
        assert self.process is not None
        server = psutil.Process(self.process.pid)
        before = server.cpu_times()
        load = put_load(self.requests[kind], seconds, CONNECTIONS)
        after = server.cpu_times()
        assert not load.errors, f"{self.name}: {load.errors} errors"
        cpu = after.user + after.system - before.user - before.system
        self.measured[kind].loads.append(load)
        self.measured[kind].cpu_ms.append(cpu / (load.rps * seconds) * 1000)
        self.rss = max(self.rss, server.memory_info().rss / 2**20)


def call(method: str, url: str, headers: Mapping[str, str], body: str = "") -> dict[str, str]:
    """One request outside of the load."""
    data = body.encode() if body else None
    request = urllib.request.Request(url, data, dict(headers), method=method)
    with urllib.request.urlopen(request, timeout=10) as response:
        answer: dict[str, str] = json.loads(response.read() or b"{}")
        return answer


@contextmanager
def rendered(folder: Path) -> Iterator[tuple[Path, dict[str, str]]]:
    """The default answers, rendered and installed, on servers of their own."""
    with Renderer(snapshot(folder / "template")) as renderer:
        renderer.render({}, folder / "service")
    project = folder / "service"
    env = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    subprocess.run(["uv", "sync", "--quiet"], cwd=project, env=env, check=True)
    command = [project / ".venv/bin/python", HERE / "stage.py", folder / "data"]
    stage = subprocess.Popen(
        command, cwd=project, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert stage.stdin is not None
    assert stage.stdout is not None
    try:
        yield project, json.loads(stage.stdout.readline()) | SETTINGS
    finally:
        stage.stdin.close()
        stage.wait(30)


def sign_in(target: Target) -> dict[str, str]:
    """The headers of a fresh account."""
    email, password = f"bench-{time.time_ns()}@example.com", "correct-horse-benchmark"
    auth = f"{target.url}{target.prefix}/auth"
    body = json.dumps({"email": email, "password": password})
    call("POST", f"{auth}/register", JSON, body)
    form = f"grant_type=password&username={email}&password={password}"
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    return {
        "Authorization": f"Bearer {call('POST', f'{auth}/token', headers, form)['access_token']}"
    }


def targets(folder: Path, project: Path, env: dict[str, str]) -> list[Target]:
    binaries = project / ".venv/bin"
    uvicorn = [str(binaries / "python"), "-m", "uvicorn", "bare:app", "--no-access-log"]
    uvicorn += ["--app-dir", str(HERE), "--port", "PORT", "--log-level", "warning"]
    serve = [str(binaries / "app"), "serve"]
    core = env | {"BARE": "sqlalchemy"}
    return [
        Target("bare, asyncpg", uvicorn, env, project, folder / "asyncpg.log"),
        Target("bare, SQLAlchemy Core", uvicorn, core, project, folder / "sqlalchemy.log"),
        Target("rendered service", serve, env, project, folder / "service.log", prefix="/v1"),
    ]


def measure(folder: Path, rounds: int, seconds: float) -> list[Table]:
    """Interleaved rounds on all of them; ratios are to the first."""
    with rendered(folder) as (project, env), ExitStack() as running:
        all_targets = targets(folder, project, env)
        for _ in range(STARTS - 1):
            for target in all_targets:
                with target.running():
                    pass
        for target in all_targets:
            running.enter_context(target.running())
            target.prepare(sign_in(target) if target.prefix else {})
        for _ in range(rounds):
            for kind in ("read", "write"):
                for target in all_targets:
                    target.measure(kind, seconds)
        return [
            _requests_table("Read: GET one order", "read", all_targets),
            _requests_table("Write: POST an order", "write", all_targets),
            _process_table(all_targets),
        ]


def _requests_table(title: str, kind: str, all_targets: list[Target]) -> Table:
    columns = ("application", "RPS", "of bare", "p50 ms", "p99 ms", "CPU ms", "own CPU ms")
    table = Table(title, columns)
    bare = all_targets[0].measured[kind]
    bare_rps, bare_cpu = bare.median("rps"), median(bare.cpu_ms)
    for target in all_targets:
        found = target.measured[kind]
        cpu = median(found.cpu_ms)
        table.add(
            target.name,
            f"{found.median('rps'):.0f}",
            f"{found.median('rps') / bare_rps:.0%}",
            f"{found.median('p50'):.1f}",
            f"{found.median('p99'):.1f}",
            f"{cpu:.3f}",
            f"{cpu - bare_cpu:.3f}",
        )
    return table


def _process_table(all_targets: list[Target]) -> Table:
    table = Table("Process", ("application", "start to first answer, s", "RSS, MB"))
    for target in all_targets:
        table.add(target.name, f"{median(target.starts):.2f}", f"{target.rss:.0f}")
    return table


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
