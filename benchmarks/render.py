"""The time of one render: a plain `copier copy` process, and the renderer of the matrix."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.report import Table, median
from tests.support.rendering import Renderer
from tests.support.snapshot import snapshot


def measure(folder: Path, rounds: int) -> Table:
    """Interleaved rounds of both, on the default answers."""
    template = snapshot(folder / "template")

    def plain(target: Path) -> None:
        command = [sys.executable, "-m", "copier", "copy", "--quiet", "--defaults", "--trust"]
        subprocess.run([*command, str(template), str(target)], check=True)

    with Renderer(template) as renderer:
        renderer.render({}, folder / "warm-up")
        ways: dict[str, Callable[[Path], None]] = {
            "plain `copier copy` process": plain,
            "in the matrix": lambda target: renderer.render({}, target),
        }
        seconds: dict[str, list[float]] = {name: [] for name in ways}
        for number in range(rounds):
            for name, render in ways.items():
                started = time.perf_counter()
                render(folder / f"{len(name)}-{number}")
                seconds[name].append(time.perf_counter() - started)
    table = Table("Rendering one combination", ("way", "ms", "times as fast"))
    slowest = median(seconds["plain `copier copy` process"])
    for name, values in seconds.items():
        table.add(name, f"{median(values) * 1000:.0f}", f"{slowest / median(values):.1f}")
    return table
