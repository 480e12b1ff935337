"""The suite is a black box: it runs the service as a process, on real servers."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from dev.environment import provided
from dev.processes import Place, guard
from tests.support.service import WIDE_LIMITS, Service, inherited, run_command, running_service

TEST_SETTINGS = {"APP_ENV": "test", "LOG_FORMAT": "json", **WIDE_LIMITS}
FIXTURES = Path(__file__).with_name("fixtures")
pytest_plugins = [f"tests.fixtures.{file.stem}" for file in sorted(FIXTURES.glob("*.py"))]


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def scratch() -> Iterator[Path]:
    """A folder of this test run, removed also when the run is killed."""
    with tempfile.TemporaryDirectory(prefix="app-tests-", ignore_cleanup_errors=True) as folder:
        guard().remove(Path(folder))
        yield Path(folder)


@pytest.fixture(scope="session")
def environment(scratch: Path) -> Iterator[dict[str, str]]:
    """The variables of a service with a migrated database, on servers of this test run."""
    with provided(Place(scratch, durable=False), {**inherited(), **TEST_SETTINGS}) as values:
        run_command("migrate", "upgrade", env=values)
        yield values


@pytest.fixture(scope="session")
def service(environment: dict[str, str], scratch: Path) -> Iterator[Service]:
    """The running service that tests share; its limits are wide."""
    with running_service(environment, scratch) as running:
        yield running


@pytest.fixture
def start_service(environment: dict[str, str], scratch: Path) -> Iterator[Callable[..., Service]]:
    """Start a service of the test's own, with the given variables changed; None unsets one."""
    with ExitStack() as running:

        def start(**changes: str | None) -> Service:
            return running.enter_context(running_service(environment, scratch, changes=changes))

        yield start
