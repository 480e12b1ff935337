"""What a stopping service still does for its sockets."""

import signal
import time
from pathlib import Path

from tests.support.accounts import sign_in
from tests.support.graphql import CREATE, create
from tests.support.link import Link
from tests.support.orders import order_draft
from tests.support.service import running_service
from tests.support.sockets import CHANGES, SUBSCRIBED, socket_of


def test_a_mutation_is_answered_before_the_socket_is_closed(
    environment: dict[str, str], scratch: Path, link: Link, far_database: dict[str, str]
) -> None:
    patient = far_database | {"DB_STATEMENT_TIMEOUT_SECONDS": "4"}
    link.mend()
    with running_service(environment, scratch, changes=patient) as service:
        credentials = sign_in(service)
        with (
            service.client(headers=credentials) as client,
            socket_of(service, additional_headers=credentials) as idle,
            socket_of(service, additional_headers=credentials) as socket,
        ):
            order = create(client)["id"]
            for each in (idle, socket):
                each.initialise({})
                each.subscribe("watch", CHANGES, id=order)
            time.sleep(SUBSCRIBED)
            link.freeze()
            socket.subscribe("create", CREATE, input=order_draft())
            time.sleep(0.2)
            service.send_signal(signal.SIGTERM)
            assert idle.closed_with()[0] == 1012
            link.mend()
            assert socket.receive()["payload"]["data"]["createOrder"]
            assert socket.receive() == {"id": "create", "type": "complete"}
            assert socket.closed_with()[0] == 1012
        assert service.process.wait(5) == 0
