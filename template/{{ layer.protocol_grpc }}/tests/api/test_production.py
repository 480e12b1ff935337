"""What is different in production: it starts with proper settings only, and says little."""

from pathlib import Path

import grpc

from app.proto.orders.v1 import orders_pb2
from tests.support.accounts import PRODUCTION_SETTINGS, sign_in
from tests.support.broken import broken_database
from tests.support.calls import calling, refusal
from tests.support.orders import new_order
from tests.support.production import REVEALING, deployed
from tests.support.service import Service, run_command, running_service

CERTIFICATE = "GRPC_TLS_CERTIFICATE_PATH"
REQUIRED = {*PRODUCTION_SETTINGS, "ALLOWED_HOSTS", "GRPC_INSECURE"}


def test_an_order_is_made_and_the_contract_not_told(production: Service) -> None:
    with calling(production, sign_in(production)) as client:
        assert client.orders.CreateOrder(new_order()).total == "9.00"
        reflection = client.raw("grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo")
        assert refusal(reflection, b"").status is grpc.StatusCode.UNIMPLEMENTED


def test_no_refusal_tells_what_the_service_is_made_of(production: Service) -> None:
    with (
        calling(production, sign_in(production)) as client,
        calling(production, {"authorization": "Bearer x.y.z"}) as stranger,
    ):
        everything = orders_pb2.ListOrdersRequest()
        answers = [
            refusal(stranger.orders.ListOrders, everything),
            refusal(client.orders.ListOrders, orders_pb2.ListOrdersRequest(page_token="x")),
            refusal(client.orders.CreateOrder, orders_pb2.CreateOrderRequest()),
            refusal(client.raw("orders.v1.OrderService/GetOrder"), b"\xff"),
            refusal(client.raw("orders.v1.OrderService/Nothing"), b""),
            refusal(client.raw("grpc.health.v1.Health/Check"), b"\xff"),
        ]
    assert not [answer for answer in answers if REVEALING.search(str(answer))]


def test_a_broken_database_reveals_nothing(
    environment: dict[str, str],
    scratch: Path,
    production_settings: dict[str, str],
    production: Service,
) -> None:
    with (
        broken_database(environment["DATABASE_URL"]) as url,
        running_service(
            environment, scratch, changes={**production_settings, "DATABASE_URL": deployed(url)}
        ) as service,
        calling(service, sign_in(production)) as client,
    ):
        refused = refusal(client.orders.ListOrders, orders_pb2.ListOrdersRequest())
    assert refused.status in {grpc.StatusCode.INTERNAL, grpc.StatusCode.UNAVAILABLE}
    assert not REVEALING.search(str(refused))


def test_every_fault_of_the_settings_is_named_at_once(
    environment: dict[str, str], production_settings: dict[str, str]
) -> None:
    without = {name: value for name, value in production_settings.items() if name not in REQUIRED}
    variables = {**environment, **without, "GRPC_REFLECTION": "true"}
    done = run_command("config", "check", env=variables, check=False)
    assert done.returncode == 2
    named = {line.removeprefix("error: ").partition(":")[0] for line in done.stderr.splitlines()}
    assert named == {*PRODUCTION_SETTINGS, "ALLOWED_HOSTS", "GRPC_REFLECTION", CERTIFICATE}
