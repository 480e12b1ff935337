"""The spans that leave the service, as a collector receives them."""

from collections.abc import Callable, Iterator

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.support.receiver import Receiver, receiving
from tests.support.service import Service

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
PARENT_ID = "b7ad6b7169203331"


@pytest.fixture
def collector() -> Iterator[Receiver]:
    with receiving() as running:
        yield running


def received(collector: Receiver) -> list[Span]:
    spans = []
    for call in collector.calls:
        assert call.path == "/v1/traces"
        export = ExportTraceServiceRequest.FromString(call.body)
        for resource in export.resource_spans:
            assert "service.name" in {item.key for item in resource.resource.attributes}
            spans += [span for scope in resource.scope_spans for span in scope.spans]
    return spans


def attributes(span: Span) -> dict[str, str | int]:
    return {item.key: item.value.string_value or item.value.int_value for item in span.attributes}


def test_a_request_is_a_span_of_the_callers_trace(
    start_service: Callable[..., Service], collector: Receiver
) -> None:
    service = start_service(
        OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, OTEL_TRACES_SAMPLER="parentbased_always_off"
    )
    with service.client() as client:
        for flag in ("00", "01"):
            headers = {
                "traceparent": f"00-{TRACE_ID}-{PARENT_ID}-{flag}",
                "X-Request-ID": f"sampled-{flag}",
            }
            client.get("/nowhere?token=hunter2", headers=headers)
        client.get("/nowhere")
        client.get("/health/live", headers={**headers, "X-Request-ID": "probe"})
    assert service.stop() == 0
    entries = [span for span in received(collector) if span.kind == Span.SPAN_KIND_SERVER]
    (entry,) = entries
    assert entry.trace_id.hex() == TRACE_ID
    assert entry.parent_span_id.hex() == PARENT_ID
    assert entry.name == "GET"
    found = attributes(entry)
    assert found["http.request.method"] == "GET"
    assert found["http.response.status_code"] == 404
    assert found["app.request_id"] == "sampled-01"
    assert "hunter2" not in str(entry)
    (event,) = service.logs(request_id="sampled-01")
    assert event["span_id"] == entry.span_id.hex()
