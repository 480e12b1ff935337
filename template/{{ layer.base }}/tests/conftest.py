"""The suite is a black box: it runs the service as a process, on real servers."""

import gc
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.support.servers import SharedServers, scratch_folder, shared_variables, started

FIXTURES = Path(__file__).with_name("fixtures")

# Imports and collection leave no garbage, and looking for it would be a quarter of their time.
gc.disable()


def pytest_configure(config: pytest.Config) -> None:
    """Load the fixtures, but not into the process that only hands out the tests to others."""
    if config.getoption("dist", "no") != "no":
        config.pluginmanager.register(SharedServers())
        return
    for file in sorted(FIXTURES.glob("*.py")):
        config.pluginmanager.import_plugin(f"tests.fixtures.{file.stem}")


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def scratch() -> Iterator[Path]:
    """A folder of this process of the test run, removed also when it is killed."""
    with scratch_folder() as folder:
        yield folder


@pytest.fixture(scope="session")
def servers(request: pytest.FixtureRequest, scratch: Path) -> Iterator[dict[str, str]]:
    """The variables of a service on the servers of this test run, which its processes share."""
    shared = shared_variables(request.config)
    if shared is not None:
        yield shared
        return
    with started(scratch) as values:
        yield values


@pytest.fixture(scope="session")
def environment(servers: dict[str, str], database_url: str) -> dict[str, str]:
    """The variables of a service that shares no data with other processes of the test run."""
    name = f"test-{uuid4().hex[:8]}"
    own = {"DATABASE_URL": database_url, "CACHE_KEY_PREFIX": f"{name}:", "QUEUE_NAME": name}
    return {**servers, **own}
