"""Who may call what, and in which order a call is refused."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from typing import Any
from uuid import uuid4

import grpc
import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from grpc_reflection.v1alpha import reflection_pb2
from grpc_reflection.v1alpha.reflection_pb2_grpc import add_ServerReflectionServicer_to_server

from app.auth.access import PUBLIC, access_to, public
from app.auth.principal import Permission
from app.bootstrap import build_service
from app.features.orders.watch import OrderWatch
from app.proto.audit.v1 import audit_pb2
from app.proto.orders.v1 import orders_pb2
from app.settings import Settings
from app.transport.offers import Offer
from app.transport.services import CONTRACT, check_offer, offers
from tests.support.accounts import PUBLIC_METHODS, account, credentials, sign_in
from tests.support.authorization import Case, cases
from tests.support.calls import Client, Refusal, calling, refusal
from tests.support.orders import new_order
from tests.support.service import Service

Caller = Callable[..., Client]
NONSENSE = b"\xff\xff"


@pytest.fixture
def offered(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> list[Offer]:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    service = build_service(Settings.load())
    return offers(service, OrderWatch(service.database, service.orders, 1, 1))


def test_every_method_of_the_contract_is_offered_with_a_decision(offered: list[Offer]) -> None:
    in_contract = {name for file in CONTRACT for name in file.services_by_name}
    assert {offer.contract.name for offer in offered} == in_contract
    decisions = {
        f"{offer.contract.full_name}/{method.name}": access_to(getattr(offer.servicer, method.name))
        for offer in offered
        for method in offer.contract.methods
    }
    assert len(decisions) == sum(len(offer.contract.methods) for offer in offered)
    public = {name for name, access in decisions.items() if access == PUBLIC}
    assert public == PUBLIC_METHODS


def test_a_method_without_a_decision_is_no_method() -> None:
    async def forgotten() -> None: ...

    with pytest.raises(LookupError, match="forgotten"):
        access_to(forgotten)


def test_a_method_that_takes_a_stream_is_no_method() -> None:
    class Talks:
        @public
        async def ServerReflectionInfo(self) -> None: ...

    contract: Any = reflection_pb2.DESCRIPTOR.services_by_name["ServerReflection"]
    with pytest.raises(LookupError, match="ServerReflectionInfo: must take one message"):
        check_offer(Offer(contract, add_ServerReflectionServicer_to_server, Talks()))


@pytest.mark.parametrize("offer_index", range(len(CONTRACT)))
def test_nobody_gets_in_without_credentials(
    anonymous: Client, offered: list[Offer], offer_index: int
) -> None:
    offer = offered[offer_index]
    for method in offer.contract.methods:
        access = access_to(getattr(offer.servicer, method.name))
        refused = refusal(anonymous.raw(f"{offer.contract.full_name}/{method.name}"), NONSENSE)
        expected = "MALFORMED_REQUEST" if access == PUBLIC else "UNAUTHENTICATED"
        assert refused.code == expected, method.name


@pytest.mark.parametrize(
    "authorization",
    ["Bearer", "Bearer nonsense", "Basic dXNlcjpwYXNz", "bearer a.b.c", "nonsense"],
)
def test_bad_credentials_are_refused(service: Service, authorization: str) -> None:
    with calling(service, {"authorization": authorization}) as client:
        refused = refusal(client.orders.ListOrders, orders_pb2.ListOrdersRequest())
    assert refused.status is grpc.StatusCode.UNAUTHENTICATED
    assert refused.code == "UNAUTHENTICATED"
    assert refused.retry_seconds is None


def test_repeated_credentials_are_refused(member: Client) -> None:
    request = orders_pb2.ListOrdersRequest()
    twice = refusal(member.orders.ListOrders, request, metadata=(("authorization", "Bearer x"),))
    assert twice.code == "MALFORMED_REQUEST"


def test_nor_do_they_spare_anybody_the_rate_limit(start_service: Callable[..., Service]) -> None:
    twice = (("authorization", "Bearer x"), ("authorization", "Bearer y"))
    service = start_service(
        RATE_LIMIT_ADDRESS="2/minute", CACHE_KEY_PREFIX=f"test-repeated-{uuid4().hex}:"
    )
    with calling(service) as client:
        codes = [
            refusal(client.orders.ListOrders, orders_pb2.ListOrdersRequest(), metadata=twice).code
            for _ in range(3)
        ]
    assert codes == ["MALFORMED_REQUEST", "MALFORMED_REQUEST", "RATE_LIMITED"]


def test_a_permission_comes_before_the_message(
    viewer: Client, member: Client, service: Service
) -> None:
    refused = refusal(viewer.raw("orders.v1.OrderService/CreateOrder"), NONSENSE)
    assert refused.status is grpc.StatusCode.PERMISSION_DENIED
    assert refused.code == "FORBIDDEN"
    viewer.orders.ListOrders(orders_pb2.ListOrdersRequest())
    request = audit_pb2.ListAuditEventsRequest(page_size=-1)
    assert refusal(member.audit.ListAuditEvents, request).code == "FORBIDDEN"
    with calling(service, sign_in(service, scope="orders:read")) as narrow:
        assert refusal(narrow.orders.CreateOrder, new_order()).code == "FORBIDDEN"
        narrow.orders.ListOrders(orders_pb2.ListOrdersRequest())


@pytest.fixture(scope="module")
def caller(service: Service) -> Iterator[Caller]:
    """A client of the one account that there is of the role here, with credentials so narrow."""
    with ExitStack() as clients:

        @cache
        def account_of(role: str) -> str:
            return account(service, role)

        @cache
        def client(role: str, scope: str | None = None) -> Client:
            narrowed = {} if role == "anonymous" else credentials(service, account_of(role), scope)
            return clients.enter_context(calling(service, narrowed))

        yield client


@pytest.fixture(scope="module")
def order_of_another(service: Service) -> orders_pb2.Order:
    with calling(service, sign_in(service)) as client:
        return client.orders.CreateOrder(new_order())


def changed(order: orders_pb2.Order) -> orders_pb2.UpdateOrderRequest:
    change = orders_pb2.Order(name=order.name, etag=order.etag, customer_reference="x")
    mask = FieldMask(paths=["customer_reference"])
    return orders_pb2.UpdateOrderRequest(order=change, update_mask=mask)


OPERATIONS: dict[str, Callable[[Client, orders_pb2.Order], Any]] = {
    "create": lambda client, _: client.orders.CreateOrder(new_order()),
    "list": lambda client, _: client.orders.ListOrders(orders_pb2.ListOrdersRequest()),
    "get": lambda client, order: client.orders.GetOrder(
        orders_pb2.GetOrderRequest(name=order.name)
    ),
    "watch": lambda client, order: next(
        client.orders.WatchOrders(orders_pb2.WatchOrdersRequest(name=order.name))
    ),
    "update": lambda client, order: client.orders.UpdateOrder(changed(order)),
    "place": lambda client, order: client.orders.PlaceOrder(
        orders_pb2.PlaceOrderRequest(name=order.name)
    ),
    "cancel": lambda client, order: client.orders.CancelOrder(
        orders_pb2.CancelOrderRequest(name=order.name)
    ),
    "audit": lambda client, _: client.audit.ListAuditEvents(audit_pb2.ListAuditEventsRequest()),
}


@pytest.mark.parametrize("case", cases(*OPERATIONS), ids=str)
def test_who_may_do_what(case: Case, caller: Caller, order_of_another: orders_pb2.Order) -> None:
    owner = caller(case.role)
    order = owner.orders.CreateOrder(new_order()) if case.owned else order_of_another
    told = None
    try:
        OPERATIONS[case.operation](caller(case.role, case.scope), order)
    except grpc.RpcError as error:
        told = Refusal.of(error).code
    assert told == case.expected


def test_the_table_holds_every_method_that_needs_a_permission(offered: list[Offer]) -> None:
    guarded = {
        method.name
        for offer in offered
        # The tests of the authentication are about its own.
        if offer.contract.file.package != "auth.v1"
        for method in offer.contract.methods
        if access_to(getattr(offer.servicer, method.name)) in list(Permission)
    }
    on_orders = {f"{name.title()}Order" for name in ("create", "get", "update", "place", "cancel")}
    assert guarded == on_orders | {"ListOrders", "WatchOrders", "ListAuditEvents"}
    assert len(guarded) == len(OPERATIONS)


def test_an_auditor_reads_who_did_what_from_where(
    service: Service, sign_in_as: Callable[[str], Client]
) -> None:
    with calling(service, sign_in(service, scope="orders:write")) as member:
        request_id = (("x-request-id", "from-the-test"),)
        order = member.orders.CreateOrder(new_order(), metadata=request_id)
    auditor = sign_in_as("admin")
    request = audit_pb2.ListAuditEventsRequest(object=order.name, page_size=1)
    (event,) = auditor.audit.ListAuditEvents(request).audit_events
    assert event.name == f"auditEvents/{event.uid}"
    assert event.action == "orders.create"
    assert event.outcome == audit_pb2.AuditEvent.OUTCOME_SUCCESS
    assert event.actor
    assert event.actor_kind in {
        audit_pb2.AuditEvent.ACTOR_KIND_USER,
        audit_pb2.AuditEvent.ACTOR_KIND_MACHINE,
    }
    assert event.request_id == "from-the-test"
    assert event.client_address == "127.0.0.1"
    assert set(event.scopes.values) == {"orders:write"}
    assert event.occur_time.ToDatetime() >= order.create_time.ToDatetime()


@pytest.mark.parametrize("field", ["actor", "action", "object"])
def test_a_null_byte_is_no_filter(sign_in_as: Callable[[str], Client], field: str) -> None:
    request = audit_pb2.ListAuditEventsRequest(**{field: "a\0b"})  # type: ignore[arg-type]
    refused = refusal(sign_in_as("admin").audit.ListAuditEvents, request)
    assert (refused.code, refused.fields) == ("VALIDATION_ERROR", [field])


def test_the_audit_trail_has_pages(sign_in_as: Callable[[str], Client], member: Client) -> None:
    order = member.orders.CreateOrder(new_order())
    member.orders.PlaceOrder(orders_pb2.PlaceOrderRequest(name=order.name))
    auditor = sign_in_as("admin")
    request = audit_pb2.ListAuditEventsRequest(object=order.name, page_size=1)
    first = auditor.audit.ListAuditEvents(request)
    request.page_token = first.next_page_token
    second = auditor.audit.ListAuditEvents(request)
    actions = [page.audit_events[0].action for page in (first, second)]
    assert actions == ["orders.place", "orders.create"]
    assert second.next_page_token == ""
    request.object = ""
    assert refusal(auditor.audit.ListAuditEvents, request).code == "INVALID_CURSOR"
