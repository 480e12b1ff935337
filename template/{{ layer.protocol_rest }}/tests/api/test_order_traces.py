"""What a trace tells of an order on its way."""

from collections.abc import Callable

from tests.support.accounts import sign_in
from tests.support.collector import attributes, collecting
from tests.support.orders import order_draft
from tests.support.paths import path
from tests.support.service import Service


def test_a_request_traces_what_it_asks_of_the_database(
    start_service: Callable[..., Service],
) -> None:
    reference = "known-to-nobody-else"
    with collecting() as collector:
        service = start_service(
            OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, OTEL_TRACES_SAMPLER="always_on"
        )
        with service.client(headers=sign_in(service)) as client:
            draft = order_draft(customer_reference=reference)
            assert client.post(path("/orders"), json=draft).status_code == 201
        assert service.stop() == 0
    (entry,) = (span for span in collector.spans() if span.name == "POST /v1/orders")
    inside = [span for span in collector.spans() if span.parent_span_id == entry.span_id]
    statements = [attributes(span) for span in inside if "insert" in span.name.lower()]
    assert any("orders" in str(found) for found in statements)
    assert all(found["db.system.name"] for found in statements)
    assert reference not in str(collector.spans())
