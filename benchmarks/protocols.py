"""The protocols side by side: each renders, and loads itself by its own `make loadtest`."""

import os
import subprocess
from pathlib import Path

from benchmarks.report import Table, median
from extensions.catalogue import AXES
from tests.support.rendering import Renderer
from tests.support.snapshot import snapshot

USERS = 50
KINDS = ("read an order", "create an order", "list orders")


def measure(folder: Path, rounds: int, seconds: float) -> list[Table]:
    """Interleaved rounds on all of them."""
    names = [choice.name for choice in AXES["protocol"].choices]
    with Renderer(snapshot(folder / "template")) as renderer:
        for name in names:
            renderer.render({"protocol": name}, folder / name)
    environment = {key: value for key, value in os.environ.items() if key != "VIRTUAL_ENV"}
    environment |= {"LOAD_USERS": str(USERS), "LOAD_SECONDS": f"{max(5, seconds):.0f}"}
    for name in names:
        subprocess.run(["uv", "sync", "--quiet"], cwd=folder / name, env=environment, check=True)
    found: dict[str, list[dict[str, list[float]]]] = {name: [] for name in names}
    for _ in range(rounds):
        for name in names:
            found[name].append(_load(folder / name, environment))
    table = Table(
        f"Protocols: {USERS} clients that mostly read",
        ("protocol", "RPS", *(f"{kind}, p50 / p99 ms" for kind in KINDS)),
    )
    for name in names:
        times = (
            " / ".join(
                f"{median([row[kind][column] for row in found[name]]):.0f}" for column in (2, 4)
            )
            for kind in KINDS
        )
        table.add(name, f"{median([row['all'][1] for row in found[name]]):.0f}", *times)
    table.notes.append(
        "Each by the load test that its project brings. Its clients are Python too, and share the"
        " machine: the figures are of both sides."
    )
    return [table]


def _load(project: Path, environment: dict[str, str]) -> dict[str, list[float]]:
    """Requests, RPS, p50, p95, p99 and errors of each kind of request."""
    command = [str(project / ".venv" / "bin" / "python"), "-m", "tests.load"]
    done = subprocess.run(
        command, cwd=project, env=environment, capture_output=True, text=True, check=True
    )
    rows = {}
    for line in done.stdout.splitlines()[1:]:
        name, *figures = line.rsplit(maxsplit=6)
        rows[name.strip()] = [float(figure) for figure in figures]
    return rows
