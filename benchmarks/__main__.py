"""`python -m benchmarks [--only PART]`: print the figures, and keep them in `report/`."""

import argparse
import os
import platform
import tempfile
from pathlib import Path

from benchmarks import protocols, render, service
from benchmarks.report import Table
from tests.support.snapshot import ROOT

PARTS = ("render", "service", "protocols")


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--only", choices=PARTS, help="the one part to measure")
    parser.add_argument("--rounds", type=int, default=5, help="interleaved rounds (default: 5)")
    parser.add_argument("--seconds", type=float, default=4, help="of load in each (default: 4)")
    options = parser.parse_args()
    tables: list[Table] = []
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as name:
        # The embedded database gives up root, and must still reach its data.
        Path(name).chmod(0o755)
        parts = (options.only,) if options.only else PARTS
        if "render" in parts:
            tables.append(render.measure(Path(name) / "render", options.rounds))
        if "service" in parts:
            folder = Path(name) / "service"
            folder.mkdir()
            tables += service.measure(folder, options.rounds, options.seconds)
        if "protocols" in parts:
            folder = Path(name) / "protocols"
            folder.mkdir()
            tables += protocols.measure(folder, options.rounds, options.seconds)
    machine = f"{os.cpu_count()} CPUs, {platform.system()}, Python {platform.python_version()}"
    setting = f"{options.rounds} interleaved rounds in one run on one machine ({machine})"
    text = "\n".join(
        [
            "# Benchmarks\n",
            f"Medians of {setting}; ratios tell more than figures.\n",
            *(table.markdown() for table in tables),
        ]
    )
    report = ROOT / "report" / "benchmarks.md"
    report.parent.mkdir(exist_ok=True)
    report.write_text(text, encoding="utf-8")
    print(text)
    print(f"Kept in {report.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
