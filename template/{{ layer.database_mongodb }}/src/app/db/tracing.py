"""Spans of what the database is asked, where the trace in progress is recorded."""

from contextlib import AbstractContextManager

from opentelemetry.trace import Span, SpanKind

from app.platform.telemetry import span


def command_span(
    operation: str, namespace: str, collection: str = ""
) -> AbstractContextManager[Span]:
    """The span of one command; what it is about stays out of traces."""
    attributes = {
        "db.system.name": "mongodb",
        "db.namespace": namespace,
        "db.operation.name": operation,
    }
    if collection:
        attributes["db.collection.name"] = collection
    return span(f"{operation} {collection}".rstrip(), kind=SpanKind.CLIENT, attributes=attributes)
