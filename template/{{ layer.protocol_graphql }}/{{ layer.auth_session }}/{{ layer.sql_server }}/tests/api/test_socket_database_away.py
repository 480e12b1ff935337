"""What becomes of a socket, and of its session, while the database is lost."""

import time
from pathlib import Path

from tests.support.accounts import log_in, new_email, register
from tests.support.link import Link
from tests.support.service import running_service, seconds_until_true
from tests.support.sockets import failed_checks, socket_of

IDLE_SECONDS = 3


def test_a_use_of_the_session_counts_though_the_check_after_it_fails(
    environment: dict[str, str], scratch: Path, link: Link, far_database: dict[str, str]
) -> None:
    lasting = {"SESSION_IDLE_SECONDS": str(IDLE_SECONDS), "GRAPHQL_RECHECK_SECONDS": "0.5"}
    link.mend()
    with running_service(environment, scratch, changes=far_database | lasting) as service:
        email = new_email()
        register(service, email)
        session = log_in(service, email)
        with socket_of(service, additional_headers=session) as socket, service.client() as client:
            socket.initialise({})
            link.cut()
            socket.subscribe("1", "{ __typename }")
            assert socket.receive()["type"] == "next"
            seconds_until_true(lambda: failed_checks(client) >= 1)
            link.mend()
            mended = time.monotonic()
            assert socket.closed_with(timeout=10) == (4403, "UNAUTHENTICATED")
            assert time.monotonic() - mended > IDLE_SECONDS
