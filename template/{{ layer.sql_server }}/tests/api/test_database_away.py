"""What clients and orchestrators meet while the database is lost or frozen."""

import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support.accounts import sign_in
from tests.support.link import Link
from tests.support.probe import probing
from tests.support.service import (
    Service,
    run_command,
    running_service,
    seconds_until,
    seconds_until_true,
)


@pytest.fixture
def far_service(
    environment: dict[str, str], scratch: Path, far_database: dict[str, str]
) -> Iterator[Service]:
    with running_service(
        environment, scratch, changes=far_database, ready="/health/live"
    ) as running:
        yield running


def test_the_service_lives_without_its_database_and_finds_it_again(
    far_service: Service, service: Service, link: Link
) -> None:
    with probing(far_service, sign_in(service)) as member, far_service.client() as client:
        assert client.get("/health/live").status_code == 200
        unready = client.get("/health/ready")
        assert unready.status_code == 503
        assert unready.json()["status"] == "unavailable"
        assert unready.json()["error"]["code"] == "DEPENDENCY_UNAVAILABLE"
        assert [part["field"] for part in unready.json()["error"]["details"]] == ["database"]

        link.mend()
        assert seconds_until(200, client, "/health/ready") < 5
        assert member().code == "OK"

        for trouble in (link.cut, link.freeze):
            trouble()
            began = time.monotonic()
            assert member().code in {"DEPENDENCY_UNAVAILABLE", "DEADLINE_EXCEEDED"}
            assert time.monotonic() - began < 5
            assert seconds_until(503, client, "/health/ready") < 5
            began = time.monotonic()
            assert client.get("/health/live").status_code == 200
            assert time.monotonic() - began < 0.5
            link.mend()
            assert seconds_until(200, client, "/health/ready") < 5
            assert seconds_until_true(lambda: member().code == "OK") < 5
        assert not far_service.logs(event="unhandled exception")


def test_a_command_that_cannot_reach_the_database_fails_in_one_line(
    environment: dict[str, str], link: Link
) -> None:
    scheme = urlsplit(environment["DATABASE_URL"]).scheme
    url = f"{scheme}://app:secret@127.0.0.1:{link.port}/app"
    variables = {**environment, "DATABASE_URL": url}
    for command in (("audit", "prune"), ("migrate", "current")):
        done = run_command(*command, env=variables, check=False)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("error: ")
        assert done.stderr.count("\n") == 1
        assert "secret" not in done.stderr
    assert "DATABASE_URL" in done.stderr
