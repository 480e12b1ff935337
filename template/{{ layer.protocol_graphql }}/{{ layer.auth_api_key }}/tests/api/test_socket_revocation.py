"""Sockets end with the keys that began them."""

from collections.abc import Callable
from contextlib import ExitStack
from uuid import uuid4

import pytest

from tests.support.keys import command, id_of, new_client, new_key
from tests.support.service import Service
from tests.support.sockets import socket_of


@pytest.mark.parametrize("used", [True, False])
def test_a_revoked_key_ends_the_socket(start_service: Callable[..., Service], used: bool) -> None:
    service = start_service(GRAPHQL_RECHECK_SECONDS="60" if used else "0.3")
    key = new_key(service, new_client())
    with socket_of(service) as socket:
        socket.initialise({"X-API-Key": key})
        command(service, "revoke", str(id_of(key)))
        if used:
            socket.subscribe("1", "{ __typename }")
        assert socket.closed_with() == (4403, "UNAUTHENTICATED")


@pytest.mark.parametrize("used", [True, False])
def test_so_do_all_sockets_of_the_key_alike(
    start_service: Callable[..., Service], used: bool
) -> None:
    service = start_service(
        GRAPHQL_RECHECK_SECONDS="1",
        RATE_LIMIT_LOGIN_ADDRESS="1/hour",
        CACHE_KEY_PREFIX=f"test-sockets-{uuid4().hex}:",
    )
    headers = {"X-API-Key": new_key(service, new_client())}
    with ExitStack() as connections:
        sockets = [connections.enter_context(socket_of(service)) for _ in range(3)]
        for socket in sockets:
            socket.initialise(headers)
            if used:
                socket.subscribe("1", "{ __typename }")
                assert socket.receive()["type"] == "next"
        with service.client(headers=headers) as client:
            assert client.delete("/v1/api-keys/current").status_code == 204
        assert [socket.closed_with() for socket in sockets] == [(4403, "UNAUTHENTICATED")] * 3
