"""The servers of a test run."""

import json
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from dev.environment import provided
from dev.processes import DevelopmentError, Place, guard

START_SECONDS = 60
UNLIMITED = "1000000/minute"
WIDE_LIMITS = {
    "RATE_LIMIT_PRINCIPAL": UNLIMITED,
    "RATE_LIMIT_ADDRESS": UNLIMITED,
    "RATE_LIMIT_GLOBAL": UNLIMITED,
    "RATE_LIMIT_LOGIN_ACCOUNT": UNLIMITED,
    "RATE_LIMIT_LOGIN_ADDRESS": UNLIMITED,
}
SETTINGS = {"APP_ENV": "test", "LOG_FORMAT": "json", **WIDE_LIMITS}


def inherited() -> dict[str, str]:
    """What a test passes on of its own environment: no setting of the service but URLs."""
    kept = ("DATABASE_URL", "REDIS_URL", "BROKER_URL", "PATH", "HOME", "LANG", "TMPDIR")
    return {name: os.environ[name] for name in kept if os.environ.get(name)}


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A temporary folder, removed also when the process is killed."""
    with tempfile.TemporaryDirectory(prefix="app-tests-", ignore_cleanup_errors=True) as folder:
        guard().remove(Path(folder))
        yield Path(folder)


@contextmanager
def started(folder: Path) -> Iterator[dict[str, str]]:
    """The variables of a service on servers that run until the end of the context."""
    with provided(Place(folder, durable=False), {**inherited(), **SETTINGS}) as values:
        yield values


class SharedServers:
    """Has the servers of a run in several processes, where pytest-xdist hands out the tests."""

    def __init__(self) -> None:
        self._ending = ExitStack()
        self._file = self._ending.enter_context(scratch_folder()) / "variables.json"

    def pytest_configure_node(self, node: Any) -> None:
        """Tell another process where it will find the variables."""
        node.workerinput["variables"] = str(self._file)

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self) -> None:
        """Start the servers while the other processes, which run by now, collect the tests."""
        try:
            values = self._ending.enter_context(started(self._file.parent))
        except DevelopmentError as error:
            raise pytest.UsageError(str(error)) from error
        unfinished = self._file.with_suffix(".part")
        unfinished.write_text(json.dumps(values), encoding="utf-8")
        unfinished.rename(self._file)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self) -> None:
        self._ending.close()


def shared_variables(config: pytest.Config) -> dict[str, str] | None:
    """What `started` gave the process that hands out the tests, None in a run of one process."""
    given = getattr(config, "workerinput", {}).get("variables")
    if given is None:
        return None
    limit = time.monotonic() + START_SECONDS
    while not Path(given).exists():
        assert time.monotonic() < limit, "the servers do not start"
        time.sleep(0.02)
    variables: dict[str, str] = json.loads(Path(given).read_text(encoding="utf-8"))
    return variables
