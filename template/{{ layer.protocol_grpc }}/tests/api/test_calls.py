"""What every call carries, and what operators see of it."""

import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import grpc
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from app.proto.audit.v1 import audit_pb2
from app.proto.orders.v1 import orders_pb2
from tests.support.accounts import sign_in
from tests.support.calls import Client, answered, calling, refusal
from tests.support.collector import attributes, collecting
from tests.support.orders import new_order
from tests.support.service import Service

LIST = "orders.v1.OrderService/ListOrders"
TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
EVERYTHING = orders_pb2.ListOrdersRequest()


def logged(service: Service, **wanted: object) -> list[dict[str, Any]]:
    """The events with the fields, given a moment to be written."""
    deadline = time.monotonic() + 20
    while not (events := service.logs(**wanted)) and time.monotonic() < deadline:
        time.sleep(0.02)
    return events


def test_a_request_id_is_kept_where_it_is_one(member: Client) -> None:
    for sent, kept in (("a-b_c.1", True), ("x" * 129, False), ("a b", False), ("", False)):
        _, told = answered(member.orders.ListOrders, EVERYTHING, {"x-request-id": sent})
        assert (told["x-request-id"] == sent) is kept
    _, first = answered(member.orders.ListOrders, EVERYTHING)
    _, second = answered(member.orders.ListOrders, EVERYTHING)
    assert first["x-request-id"] != second["x-request-id"]


def test_an_error_has_its_code_domain_and_request_id(anonymous: Client) -> None:
    sent = (("x-request-id", "the-one"),)
    refused = refusal(anonymous.orders.ListOrders, EVERYTHING, metadata=sent)
    assert refused.status is grpc.StatusCode.UNAUTHENTICATED
    assert refused.message == "Valid credentials are required"
    assert refused.code == "UNAUTHENTICATED"
    assert refused.domain
    assert refused.request_id == refused.metadata["x-request-id"] == "the-one"


@pytest.mark.parametrize("message", [b"\xff\xff", b"\x0a\x05abc", b"\x0a\x03\xff\xfe\xfd"])
def test_what_is_no_message_is_refused_without_a_word_of_the_library(
    member: Client, message: bytes
) -> None:
    refused = refusal(member.raw("orders.v1.OrderService/GetOrder"), message)
    assert refused.status is grpc.StatusCode.INVALID_ARGUMENT
    assert refused.code == "MALFORMED_REQUEST"
    assert refused.message == "The message is not a orders.v1.GetOrderRequest"


def test_undecodable_health_checks_are_refused_alike(anonymous: Client) -> None:
    for method in ("Check", "List", "Watch"):
        call = anonymous.raw(f"grpc.health.v1.Health/{method}")
        assert refusal(call, b"\xff").code == "MALFORMED_REQUEST"


def test_unknown_fields_do_no_harm(member: Client) -> None:
    field_99 = b"\x9a\x06\x03abc"
    answer = member.raw(LIST)(EVERYTHING.SerializeToString() + field_99)
    assert not orders_pb2.ListOrdersResponse.FromString(answer).orders


@pytest.mark.parametrize("name", ["orders.v1.OrderService/Nothing", "nowhere/at/all", "x"])
def test_what_the_contract_does_not_have_is_unimplemented(anonymous: Client, name: str) -> None:
    refused = refusal(anonymous.raw(name), b"")
    assert refused.status is grpc.StatusCode.UNIMPLEMENTED


def test_a_call_is_one_line_at_info_with_its_ids(service: Service) -> None:
    request_id = uuid4().hex
    metadata = {"x-request-id": request_id, "traceparent": f"00-{TRACE_ID}-b7ad6b7169203331-01"}
    with calling(service, sign_in(service)) as client:
        answered(client.orders.ListOrders, EVERYTHING, metadata)
    (event,) = logged(service, request_id=request_id)
    assert (event["level"], event["event"]) == ("info", "request")
    assert (event["method"], event["route"], event["status"]) == ("RPC", LIST, "OK")
    assert event["trace_id"] == TRACE_ID
    assert event["span_id"]
    assert event["principal"]
    assert 0 < event["duration_ms"] < 5000


def test_calls_are_measured_by_method_and_status(service: Service, member: Client) -> None:
    member.orders.ListOrders(EVERYTHING)
    for _ in range(3):
        refusal(member.raw(f"nowhere/{uuid4()}"), b"")
    with service.client() as client:
        text = client.get("/metrics").text
    counted = (
        'rpc_server_call_duration_seconds_count{rpc_method="%s",rpc_response_status_code="%s"}'
    )
    assert counted % (LIST, "OK") in text
    assert "rpc_server_active_calls" in text
    assert "nowhere" not in text
    unknown = 'rpc_server_refused_total{reason="unknown_method"}'
    (line,) = (line for line in text.splitlines() if line.startswith(unknown))
    assert float(line.split()[-1]) >= 3


def test_a_call_is_a_span_of_the_callers_trace(start_service: Callable[..., Service]) -> None:
    with collecting() as collector:
        service = start_service(
            OTEL_EXPORTER_OTLP_ENDPOINT=collector.url,
            OTEL_TRACES_SAMPLER="parentbased_always_off",
        )
        with calling(service, sign_in(service)) as client:
            traced = {"traceparent": f"00-{TRACE_ID}-b7ad6b7169203331-01", "x-request-id": "t"}
            answered(client.orders.CreateOrder, new_order(), traced)
            missing = {"traceparent": f"00-{TRACE_ID[::-1]}-b7ad6b7169203331-01"}
            wanted = orders_pb2.GetOrderRequest(name=f"orders/{uuid4()}")
            error = refusal(client.orders.GetOrder, wanted, metadata=[*missing.items()])
            assert error.code == "NOT_FOUND"
            client.orders.ListOrders(EVERYTHING)
        assert service.stop() == 0
    spans = collector.spans()
    (refused,) = (span for span in spans if span.name == "orders.v1.OrderService/GetOrder")
    # What the caller got wrong is no failure of the service.
    assert refused.status.code == Status.STATUS_CODE_UNSET
    assert attributes(refused)["rpc.response.status_code"] == "NOT_FOUND"
    assert "error.type" not in attributes(refused)
    spans = [span for span in spans if span.trace_id != refused.trace_id]
    (entry,) = (span for span in spans if span.kind == Span.SPAN_KIND_SERVER)
    assert entry.trace_id.hex() == TRACE_ID
    assert entry.name == "orders.v1.OrderService/CreateOrder"
    found = attributes(entry)
    assert found["rpc.system.name"] == "grpc"
    assert found["rpc.response.status_code"] == "OK"
    assert found["app.request_id"] == "t"
    assert any(span.parent_span_id == entry.span_id for span in spans)


def test_forwarded_addresses_are_believed_from_trusted_proxies_alone(
    start_service: Callable[..., Service], service: Service, sign_in_as: Callable[[str], Client]
) -> None:
    proxied = start_service(TRUSTED_PROXIES="127.0.0.0/8")
    forged = {"x-forwarded-for": "203.0.113.9, 198.51.100.7"}
    addresses = []
    for target in (service, proxied):
        with calling(target, {**sign_in(target), **forged}) as client:
            order = client.orders.CreateOrder(new_order())
        request = audit_pb2.ListAuditEventsRequest(object=order.name)
        (event,) = sign_in_as("admin").audit.ListAuditEvents(request).audit_events
        addresses.append(event.client_address)
    assert addresses == ["127.0.0.1", "198.51.100.7"]
