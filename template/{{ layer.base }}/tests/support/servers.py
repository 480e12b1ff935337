"""The servers of a test run."""

import json
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from dev.environment import provided
from dev.processes import DevelopmentError, Place, guard
from tests.support.fork_server import fork_server

START_SECONDS = 60
# The variable with the folder of the test run, and what is in it.
FOLDER = "TEST_RUN_FOLDER"
FORK_SERVER = "fork-server"
VARIABLES = "variables.json"
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
    with (
        fork_server(folder / FORK_SERVER),
        provided(Place(folder, durable=False), {**inherited(), **SETTINGS}) as values,
    ):
        yield values


def fork_server_path() -> Path | None:
    """Where the fork server of this test run listens, None where there is none."""
    path = Path(os.environ.get(FOLDER, os.devnull)) / FORK_SERVER
    return path if path.exists() else None


class SharedServers:
    """Has the servers of a run in several processes, where pytest-xdist hands out the tests."""

    def __init__(self) -> None:
        self._ending = ExitStack()
        self._folder = self._ending.enter_context(scratch_folder())
        os.environ[FOLDER] = str(self._folder)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionstart(self) -> None:
        """Start the servers while the other processes collect the tests."""
        try:
            values = self._ending.enter_context(started(self._folder))
        except DevelopmentError as error:
            raise pytest.UsageError(str(error)) from error
        unfinished = self._folder / f"{VARIABLES}.part"
        unfinished.write_text(json.dumps(values), encoding="utf-8")
        unfinished.rename(self._folder / VARIABLES)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self) -> None:
        self._ending.close()


@contextmanager
def servers_of_this_run(scratch: Path) -> Iterator[dict[str, str]]:
    """The variables of a service, on servers that are shared or, in a run of one process, not."""
    if FOLDER in os.environ:
        yield _shared_variables(Path(os.environ[FOLDER]) / VARIABLES)
        return
    with pytest.MonkeyPatch.context() as changes, started(scratch) as values:
        changes.setenv(FOLDER, str(scratch))
        yield values


def _shared_variables(file: Path) -> dict[str, str]:
    limit = time.monotonic() + START_SECONDS
    while not file.exists():
        assert time.monotonic() < limit, "the servers do not start"
        time.sleep(0.02)
    variables: dict[str, str] = json.loads(file.read_text(encoding="utf-8"))
    return variables
