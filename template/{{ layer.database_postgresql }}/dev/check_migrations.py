"""`python -m dev.check_migrations`: refuse migrations that would lock a table in use for long."""

import subprocess
import sys
from pathlib import Path

from dev.environment import PROJECT, SCRIPTS


def check(sql: str) -> int:
    """The exit status of squawk, which prints what it finds."""
    command: list[str | Path] = [SCRIPTS / "squawk", "--config", PROJECT / ".squawk.toml"]
    return subprocess.run(command, input=sql, text=True, check=False).returncode


def all_migrations() -> str:
    """The SQL of every migration, without a database."""
    command: list[str | Path] = [SCRIPTS / "app", "migrate", "upgrade", "--sql"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    return done.stdout


if __name__ == "__main__":
    sys.exit(check(all_migrations()))
