"""`make demo`: a project rendered with the default answers, running, and an order placed in it.

`ARGS=protocol=grpc`, or any other answer, changes what is rendered. The order is then placed by the
example for Python in the project's README.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import copier
from copier.errors import DirtyLocalWarning

ROOT = Path(__file__).parents[1]
START_SECONDS = 240
STAY_SECONDS = 30 * 60


def main() -> int:
    answers = dict(argument.split("=", 1) for argument in sys.argv[1:])
    project = Path(tempfile.mkdtemp(prefix="demo-"), "order-service")
    port, grpc_port = _free_port(8000), _free_port(50051)
    url = f"http://127.0.0.1:{port}"
    data = "".join(f"--data {argument} " for argument in sys.argv[1:])
    _say(f"copier copy --trust --defaults {data}{ROOT} {project}")
    begun = time.monotonic()
    warnings.filterwarnings("ignore", category=DirtyLocalWarning)
    copier.run_copy(
        str(ROOT), project, answers, defaults=True, unsafe=True, quiet=True, vcs_ref="HEAD"
    )
    print(f"rendered in {time.monotonic() - begun:.1f} s")

    _say(f"cd {project} && make run")
    log = project.parent / "service.log"
    begun = time.monotonic()
    with _running(project, {"PORT": port, "GRPC_PORT": grpc_port}, log) as service:
        _await_ready(url, log, service)
        print(f"installed, migrated and ready in {time.monotonic() - begun:.1f} s, log in {log}")
        if answers:
            _example(project, {"127.0.0.1:8000": port, "127.0.0.1:50051": grpc_port})
        else:
            _order(url)
            print(f"The API: {url}/docs")
        print(f"\nThe project: {project}\nREADME.md there has more calls.")
        print(f"Run it again: cd {project} && make run     Test it: make test")
        print(f"Remove it: rm -r {project.parent}")
        if sys.stdin.isatty():
            print("It keeps running: press Enter or Ctrl-C to stop it.", flush=True)
            with contextlib.suppress(KeyboardInterrupt):
                select.select([sys.stdin], [], [], STAY_SECONDS)
    print("Stopped.")
    return 0


def _order(url: str) -> None:
    """Register, log in and place an order, and show what comes back."""
    email, password = f"demo-{uuid4().hex[:8]}@example.com", f"correct-horse-{uuid4().hex}"
    _call("POST", f"{url}/v1/auth/register", {"email": email, "password": password})
    form = {"grant_type": "password", "username": email, "password": password}
    token = _call("POST", f"{url}/v1/auth/token", form, form=True)["access_token"]
    order = _call(
        "POST",
        f"{url}/v1/orders",
        {
            "customer_reference": "PO-1001",
            "currency": "EUR",
            "lines": [{"sku": "TEA-001", "quantity": 2, "unit_price": "4.50"}],
        },
        token,
        {"Idempotency-Key": uuid4().hex},
    )
    placed = _call("POST", f"{url}/v1/orders/{order['id']}/placements", None, token)
    _call("GET", f"{url}/v1/orders/{order['id']}", None, token)
    if placed["status"] != "placed":
        raise SystemExit("The order was not placed.")
    print(f"\nOrder {order['id']} is placed: {placed['total']} {placed['currency']}.")


def _example(project: Path, ports: dict[str, int]) -> None:
    """Run the README's example for Python with the ports that are in use here."""
    text = (project / "README.md").read_text(encoding="utf-8")
    source = text.partition("```python\n")[2].partition("```")[0]
    for address, port in ports.items():
        source = source.replace(address, f"127.0.0.1:{port}")
    _say("uv run python <<'EOF'")
    print(source)
    command = [str(project / ".venv" / "bin" / "python"), "-c", source]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    print(done.stdout or done.stderr)
    if done.returncode or "9.00" not in done.stdout:
        raise SystemExit("The order was not placed.")


def _call(
    method: str,
    url: str,
    body: dict[str, Any] | None,
    token: str = "",
    headers: dict[str, str] | None = None,
    form: bool = False,
) -> dict[str, Any]:
    sent = {**(headers or {}), "Accept": "application/json"}
    data = None
    if body is not None:
        kind = "application/x-www-form-urlencoded" if form else "application/json"
        sent["Content-Type"] = kind
        data = (urlencode(body) if form else json.dumps(body)).encode()
    if token:
        sent["Authorization"] = f"Bearer {token}"
    _say(f"{method} {url}")
    request = urllib.request.Request(url, data, sent, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            answer: dict[str, Any] = json.load(response)
            print(response.status, json.dumps(_shortened(answer), indent=2, ensure_ascii=False))
            return answer
    except urllib.error.HTTPError as error:
        raise SystemExit(f"{error.code}: {error.read().decode()}") from None


def _shortened(answer: dict[str, Any]) -> dict[str, Any]:
    """Without the better part of the tokens, which fill the screen."""
    return {
        key: f"{value[:12]}…" if key.endswith("_token") else value for key, value in answer.items()
    }


@contextlib.contextmanager
def _running(project: Path, ports: dict[str, int], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    environment = {k: v for k, v in os.environ.items() if k not in ("VIRTUAL_ENV", "MAKEFLAGS")}
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["make", "run"],
            cwd=project,
            env=environment | {name: str(port) for name, port in ports.items()},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGINT)
        process.wait(60)


def _await_ready(url: str, log: Path, service: subprocess.Popen[bytes]) -> None:
    limit = time.monotonic() + START_SECONDS
    while service.poll() is None and time.monotonic() < limit:
        with (
            contextlib.suppress(OSError),
            urllib.request.urlopen(f"{url}/health/ready", timeout=5) as answer,
        ):
            if answer.status == 200:
                return
        time.sleep(0.2)
    raise SystemExit(f"The service does not start:\n{log.read_text()[-4000:]}")


def _free_port(preferred: int) -> int:
    for port in (preferred, 0):
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return int(probe.getsockname()[1])
    raise SystemExit("No port is free.")


def _say(command: str) -> None:
    print(f"\n$ {command}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
