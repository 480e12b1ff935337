"""Sockets end with the keys that began them."""

from collections.abc import Callable

from tests.support.keys import command, id_of, new_client, new_key
from tests.support.service import Service
from tests.support.sockets import socket_of


def test_a_revoked_key_ends_the_socket(start_service: Callable[..., Service]) -> None:
    service = start_service(GRAPHQL_RECHECK_SECONDS="0.3")
    key = new_key(service, new_client())
    with socket_of(service) as socket:
        socket.initialise({"X-API-Key": key})
        command(service, "revoke", str(id_of(key)))
        assert socket.closed_with() == (4403, "UNAUTHENTICATED")
