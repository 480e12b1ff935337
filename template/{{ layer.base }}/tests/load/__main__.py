"""`python -m tests.load`: a short load on the service, on servers that keep their promises.

`LOAD_URL` loads a service that runs elsewhere instead, with `LOAD_TOKEN` (an access token) or
`LOAD_HEADERS` (any other credentials, as a JSON object of headers);
`LOAD_USERS` and `LOAD_SECONDS` change how hard and how long.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dev.environment import PROJECT, provided
from dev.processes import Place
from tests.support.accounts import sign_in
from tests.support.probe import address
from tests.support.servers import WIDE_LIMITS, inherited
from tests.support.service import run_command, running_service

COLUMNS = "{:<18}{:>9}{:>8}{:>9}{:>9}{:>9}{:>9}".format


@contextmanager
def target(folder: Path) -> Iterator[tuple[str, list[dict[str, str]]]]:
    """The address of a service, and the headers of accounts on it."""
    url, token = os.environ.get("LOAD_URL"), os.environ.get("LOAD_TOKEN")
    headers = os.environ.get("LOAD_HEADERS")
    if url and (token or headers):
        yield url, [json.loads(headers) if headers else {"Authorization": f"Bearer {token}"}]
        return
    settings = {**inherited(), **WIDE_LIMITS, "LOG_FORMAT": "json"}
    with provided(Place(folder, durable=True), settings) as environment:
        run_command("migrate", "upgrade", env=environment)
        with running_service(environment, folder) as service:
            yield address(service), [sign_in(service) for _ in range(10)]


def main() -> int:
    """Print one line for each kind of request; 1 where any of them failed."""
    users, seconds = os.environ.get("LOAD_USERS", "50"), os.environ.get("LOAD_SECONDS", "15")
    with tempfile.TemporaryDirectory() as folder, target(Path(folder)) as (url, accounts):
        command = [
            *(sys.executable, "-m", "locust", "--headless", "--json"),
            *("--locustfile", "tests/load/locustfile.py", "--host", url, "--loglevel", "ERROR"),
            *("--users", users, "--spawn-rate", users, "--run-time", f"{seconds}s"),
        ]
        environment = {**os.environ, "LOAD_ACCOUNTS": json.dumps(accounts)}
        done = subprocess.run(
            command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False
        )
    try:
        rows = json.loads(done.stdout)
    except ValueError:
        print(done.stderr, file=sys.stderr)
        return 2
    print(COLUMNS("", "requests", "RPS", "p50 ms", "p95 ms", "p99 ms", "errors"))
    for row in rows:
        _print_row(row["name"], [row])
    _print_row("all", rows)
    return 1 if any(row["num_failures"] for row in rows) else 0


def _print_row(name: str, rows: list[dict[str, Any]]) -> None:
    requests = sum(row["num_requests"] for row in rows)
    duration = max(row["last_request_timestamp"] for row in rows) - min(
        row["start_time"] for row in rows
    )
    times = sorted(
        (float(time), count) for row in rows for time, count in row["response_times"].items()
    )
    p50, p95, p99 = (_percentile(times, requests * share) for share in (0.5, 0.95, 0.99))
    errors = sum(row["num_failures"] for row in rows)
    rate = f"{requests / duration:.0f}"
    print(COLUMNS(name, requests, rate, *(f"{ms:.0f}" for ms in (p50, p95, p99)), errors))


def _percentile(times: list[tuple[float, int]], rank: float) -> float:
    for time, count in times:
        rank -= count
        if rank <= 0:
            return time
    return 0.0


if __name__ == "__main__":
    sys.exit(main())
