"""A collector of traces, as far as the service can tell."""

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.support.receiver import Receiver, receiving


class Collector:
    """What was sent to `url` by OTLP over HTTP."""

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self.url = receiver.url

    def spans(self) -> list[Span]:
        """Every span so far, in the order of their ends."""
        calls = [call for call in self._receiver.calls if call.path == "/v1/traces"]
        exports = [ExportTraceServiceRequest.FromString(call.body) for call in calls]
        return [
            span
            for export in exports
            for resource in export.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]


@contextmanager
def collecting() -> Iterator[Collector]:
    """Run the collector until the end of the context."""
    with receiving() as receiver:
        yield Collector(receiver)


def attributes(span: Span) -> dict[str, str | int]:
    """The attributes of a span that are texts or numbers."""
    return {item.key: item.value.string_value or item.value.int_value for item in span.attributes}
