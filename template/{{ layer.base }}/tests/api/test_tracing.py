"""The span of a request, as a collector receives it."""

from collections.abc import Callable

from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.support.collector import attributes, collecting
from tests.support.service import Service

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
PARENT_ID = "b7ad6b7169203331"


def test_a_request_is_a_span_of_the_callers_trace(start_service: Callable[..., Service]) -> None:
    with collecting() as collector:
        service = start_service(
            OTEL_EXPORTER_OTLP_ENDPOINT=collector.url,
            OTEL_TRACES_SAMPLER="parentbased_always_off",
        )
        with service.client() as client:
            for flag in ("00", "01"):
                traceparent = f"00-{TRACE_ID}-{PARENT_ID}-{flag}"
                for address in ("/nowhere/ada@example.com?token=hunter2", "/health/live"):
                    name = f"{address[1:4]}-{flag}"
                    headers = {"traceparent": traceparent, "X-Request-ID": name}
                    client.get(address, headers=headers)
            client.get("/nowhere")
        assert service.stop() == 0
    (entry,) = (span for span in collector.spans() if span.kind == Span.SPAN_KIND_SERVER)
    assert entry.trace_id.hex() == TRACE_ID
    assert entry.parent_span_id.hex() == PARENT_ID
    assert entry.name == "GET"
    found = attributes(entry)
    assert found["http.request.method"] == "GET"
    assert found["http.response.status_code"] == 404
    assert found["app.request_id"] == "now-01"
    assert found["url.path"] == "/nowhere/[redacted]"
    assert "hunter2" not in str(entry)
    (event,) = service.logs(request_id="now-01")
    assert event["span_id"] == entry.span_id.hex()
