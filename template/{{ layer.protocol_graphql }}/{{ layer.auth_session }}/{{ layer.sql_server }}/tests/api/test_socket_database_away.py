"""What becomes of a socket while the database is lost."""

from pathlib import Path

from tests.support.accounts import sign_in
from tests.support.link import Link
from tests.support.service import running_service
from tests.support.sockets import code, socket_of


def test_an_operation_is_refused_and_the_socket_goes_on(
    environment: dict[str, str], scratch: Path, link: Link, far_database: dict[str, str]
) -> None:
    lasting = {"GRAPHQL_RECHECK_SECONDS": "60"}
    link.mend()
    with (
        running_service(environment, scratch, changes=far_database | lasting) as service,
        socket_of(service, additional_headers=sign_in(service)) as socket,
    ):
        socket.initialise({})
        link.cut()
        socket.subscribe("1", "{ __typename }")
        assert code(socket.receive()) == "DEPENDENCY_UNAVAILABLE"
        link.mend()
        socket.subscribe("1", "{ __typename }")
        assert socket.receive()["type"] == "next"
