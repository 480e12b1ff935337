"""What becomes of a socket while nobody can tell whether its token has been revoked."""

import time
from collections.abc import Callable

from tests.support.accounts import log_in, new_email, register
from tests.support.paths import path
from tests.support.service import Service, seconds_until_true
from tests.support.sockets import failed_checks, socket_of
from tests.support.valkey import Valkey

RECHECK_SECONDS = 0.5


def test_a_socket_outlives_a_check_that_fails_and_closes_where_that_goes_on(
    start_service: Callable[..., Service], valkey: Valkey
) -> None:
    changes = {"REDIS_URL": valkey.url, "GRAPHQL_RECHECK_SECONDS": str(RECHECK_SECONDS)}
    service, email = start_service(**changes), new_email()
    register(service, email)
    kept, revoked = log_in(service, email), log_in(service, email)
    with socket_of(service) as one, socket_of(service) as two, service.client() as client:
        for socket, tokens in ((one, kept), (two, revoked)):
            socket.initialise({"authorization": f"Bearer {tokens['access_token']}"})

        valkey.stop()
        seconds_until_true(lambda: failed_checks(client) >= 2)
        valkey.start()
        time.sleep(3 * RECHECK_SECONDS)
        for socket in (one, two):
            socket.subscribe("1", "{ __typename }")
            assert socket.receive()["type"] == "next"

        client.post(path("/auth/revoke"), data={"token": revoked["refresh_token"]})
        assert two.closed_with() == (4403, "UNAUTHENTICATED")

        valkey.stop()
        assert one.closed_with() == (1013, "DEPENDENCY_UNAVAILABLE")
