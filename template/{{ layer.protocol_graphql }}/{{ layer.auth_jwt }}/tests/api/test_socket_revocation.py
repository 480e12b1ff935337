"""Sockets end with the credentials that began them."""

from collections.abc import Callable

import pytest

from tests.support.accounts import log_in, new_email, register
from tests.support.paths import path
from tests.support.service import Service
from tests.support.sockets import socket_of


@pytest.mark.parametrize("used", [True, False])
def test_a_revoked_token_ends_the_socket(start_service: Callable[..., Service], used: bool) -> None:
    service, email = start_service(GRAPHQL_RECHECK_SECONDS="60" if used else "0.3"), new_email()
    register(service, email)
    tokens = log_in(service, email)
    with socket_of(service) as socket, service.client() as client:
        socket.initialise({"authorization": f"Bearer {tokens['access_token']}"})
        client.post(path("/auth/revoke"), data={"token": tokens["refresh_token"]})
        if used:
            socket.subscribe("1", "{ __typename }")
        assert socket.closed_with() == (4403, "UNAUTHENTICATED")
