"""Sockets end with the credentials that began them."""

import time
from collections.abc import Callable

from tests.support.service import Service
from tests.support.sockets import socket_of
from tests.support.tokens import access_claims, signed


def test_an_expired_token_ends_the_socket(start_service: Callable[..., Service]) -> None:
    service = start_service(GRAPHQL_RECHECK_SECONDS="0.3")
    # Clocks may differ by 30 seconds.
    claims = access_claims(service.environment, "ada", exp=int(time.time()) - 28)
    with socket_of(service) as socket:
        socket.initialise({"authorization": f"Bearer {signed(claims)}"})
        assert socket.closed_with() == (4403, "TOKEN_EXPIRED")
