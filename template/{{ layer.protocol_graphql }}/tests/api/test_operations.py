"""What operators see of operations, which are not routes."""

import time
from collections.abc import Callable, Iterator

import httpx2
import pytest

from tests.support.accounts import sign_in
from tests.support.collector import attributes, collecting
from tests.support.graphql import CREATE, codes, send
from tests.support.orders import order_draft
from tests.support.service import Service


def test_an_operation_is_one_line_at_info(service: Service, member: httpx2.Client) -> None:
    query = "query Mine($id: ID!) { order(id: $id) { id } me { id } }"
    send(member, query, {"X-Request-ID": "operation-1"}, id="x")
    (event,) = service.logs(request_id="operation-1", event="operation")
    assert event["operation_type"] == "query"
    assert event["operation"] == "several"
    assert event["operation_name"] == "Mine"
    assert event["code"] == "VALIDATION_ERROR"
    assert event["cost"] == 4
    assert event["duration_ms"] > 0
    assert event["principal"]


@pytest.mark.parametrize(
    ("query", "labels"),
    [
        ("query A%s { me { id } }", 'code="ok",graphql_field="me",graphql_operation_type="query"'),
        (
            "query A%s { __typename }",
            'code="ok",graphql_field="introspection",graphql_operation_type="query"',
        ),
        (
            'mutation A%s { placeOrder(id: "x") { replayed } }',
            'code="VALIDATION_ERROR",graphql_field="placeOrder",graphql_operation_type="mutation"',
        ),
    ],
)
def test_metrics_count_by_field_and_never_by_a_name_of_the_clients(
    member: httpx2.Client, query: str, labels: str
) -> None:
    for number in range(5):
        send(member, query % number)
    lines = [
        line
        for line in member.get("/metrics").text.splitlines()
        if line.startswith("graphql_operation_duration_seconds_count") and labels in line
    ]
    assert len(lines) == 1
    assert float(lines[0].rpartition(" ")[2]) >= 5
    text = member.get("/metrics").text
    assert 'http_route="/graphql"' in text
    assert "A1" not in text


def test_a_trace_tells_of_the_operation_and_of_its_statements(
    start_service: Callable[..., Service],
) -> None:
    reference = "known-to-nobody-else"
    with collecting() as collector:
        service = start_service(
            OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, OTEL_TRACES_SAMPLER="always_on"
        )
        with service.client(headers=sign_in(service)) as client:
            draft = order_draft(customerReference=reference)
            assert codes(send(client, CREATE, input=draft)) == []
        assert service.stop() == 0
    (entry,) = (span for span in collector.spans() if span.name == "POST /graphql")
    (operation,) = (span for span in collector.spans() if span.name == "mutation createOrder")
    assert operation.parent_span_id == entry.span_id
    assert attributes(operation)["graphql.operation.name"] == "Create"
    inside = [span for span in collector.spans() if span.parent_span_id == operation.span_id]
    statements = [attributes(span) for span in inside if "insert" in span.name.lower()]
    assert any("orders" in str(found) for found in statements)
    assert reference not in str(collector.spans())


def test_details_of_health_are_for_operators(
    sign_in_as: Callable[[str], httpx2.Client],
) -> None:
    refused = sign_in_as("member").get("/health/detailed")
    assert refused.status_code == 403
    details = sign_in_as("admin").get("/health/detailed").json()
    assert details["status"] == "ready"
    assert details["parts"]["database"]["status"] == "ok"


def test_a_request_over_its_time_is_told_so(narrow_service: Service) -> None:
    """The narrow service gives a request one second, in which its client sends half of it."""
    body = b'{"query": "{ me { id } }"}'
    headers = {**sign_in(narrow_service), "Content-Type": "application/json"}
    with narrow_service.client(headers=headers) as client:

        def slowly() -> Iterator[bytes]:
            yield body[:5]
            time.sleep(1.2)
            yield body[5:]

        response = client.post("/graphql", content=slowly())
        assert response.status_code == 503
        assert codes(response) == ["DEADLINE_EXCEEDED"]


def test_a_body_over_the_limit_is_refused(narrow_service: Service) -> None:
    body = b'{"query": "' + b" " * 10_000 + b'"}'
    headers = {"Content-Type": "application/json"}
    headers |= sign_in(narrow_service)
    with narrow_service.client(headers=headers) as client:
        response = client.post("/graphql", content=body)
    assert response.status_code == 413
    assert codes(response) == ["PAYLOAD_TOO_LARGE"]
