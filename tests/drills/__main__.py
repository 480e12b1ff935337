"""Render a service and run the exactly-once drill on it, and on a naive one, which has to fail.

`python -m tests.drills [--orders 2000] [--clients 8] [--kills 10] [--database mysql]`
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.support import servers
from tests.support.rendering import Renderer
from tests.support.snapshot import snapshot

HERE = Path(__file__).parent


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.drills", description=__doc__)
    parser.add_argument("--orders", type=int, default=2000)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument(
        "--database", choices=("postgresql", "mysql", "sqlite"), default="postgresql"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="drill-") as temporary:
        # The embedded database gives up root, and must still reach its data.
        Path(temporary).chmod(0o755)
        project = Path(temporary, "service")
        with Renderer(snapshot(Path(temporary, "template"))) as renderer:
            renderer.render({"database": options.database, "hosting": "compose"}, project)
        env = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
        env |= servers.environment(project)
        subprocess.run(["uv", "sync", "--quiet"], cwd=project, env=env, check=True)
        command = [
            str(project / ".venv/bin/python"),
            str(HERE / "exactly_once.py"),
            f"--orders={options.orders}",
            f"--clients={options.clients}",
            f"--kills={options.kills}",
        ]
        return subprocess.run(command, cwd=project, env=env, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
