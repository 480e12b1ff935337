"""Traces: OpenTelemetry's API everywhere, its SDK only where an exporter is configured.

Without an exporter the trace context is still continued or started, for logs, outbound calls and
messages, and `span` does nothing.
"""

import logging
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Literal

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    StatusCode,
    TraceFlags,
    TraceState,
)
from pydantic import Field, SecretStr

from app.platform.configuration import SettingsGroup

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.sampling import Sampler

Attributes = Mapping[str, str | bool | int | float]

SamplerName = Literal[
    "always_on",
    "always_off",
    "traceidratio",
    "parentbased_always_on",
    "parentbased_always_off",
    "parentbased_traceidratio",
]


class TelemetrySettings(SettingsGroup):
    """OpenTelemetry's own variables; traces are exported once an endpoint is set."""

    otel_sdk_disabled: bool = False
    otel_service_name: str = ""
    otel_resource_attributes: str = ""
    otel_exporter_otlp_endpoint: str = ""
    otel_exporter_otlp_traces_endpoint: str = ""
    otel_exporter_otlp_headers: SecretStr = SecretStr("")
    otel_traces_sampler: SamplerName = "parentbased_traceidratio"
    otel_traces_sampler_arg: float = Field(0.1, ge=0, le=1)


_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?")
_nothing = nullcontext(trace.INVALID_SPAN)
_provider: "TracerProvider | None" = None
_tracer: trace.Tracer | None = None


def configure_tracing(settings: TelemetrySettings) -> None:
    """Export spans by OTLP over HTTP from now on; without an endpoint nothing is loaded."""
    global _provider, _tracer  # noqa: PLW0603
    # It would warn of every `tracestate` that a caller got wrong.
    logging.getLogger("opentelemetry.trace.span").setLevel(logging.ERROR)
    base = settings.otel_exporter_otlp_endpoint.rstrip("/")
    endpoint = settings.otel_exporter_otlp_traces_endpoint or (base and f"{base}/v1/traces")
    if settings.otel_sdk_disabled or not endpoint:
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.util.re import parse_env_headers

    from app.project import NAME, VERSION

    resource = {"service.name": NAME, "service.version": VERSION}
    resource |= parse_env_headers(settings.otel_resource_attributes, liberal=True)
    if settings.otel_service_name:
        resource["service.name"] = settings.otel_service_name
    headers = parse_env_headers(
        settings.otel_exporter_otlp_headers.get_secret_value(), liberal=True
    )
    _provider = TracerProvider(sampler=_sampler(settings), resource=Resource.create(dict(resource)))
    _provider.add_span_processor(
        BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint, headers=headers or None))
    )
    trace.set_tracer_provider(_provider)
    _tracer = _provider.get_tracer("app")


def _sampler(settings: TelemetrySettings) -> "Sampler":
    from opentelemetry.sdk.trace import sampling

    name = settings.otel_traces_sampler
    if name.endswith("traceidratio"):
        root: Sampler = sampling.TraceIdRatioBased(settings.otel_traces_sampler_arg)
    else:
        root = sampling.ALWAYS_ON if name.endswith("always_on") else sampling.ALWAYS_OFF
    return sampling.ParentBased(root) if name.startswith("parentbased") else root


def shutdown() -> None:
    """Send what is left, and stop. Blocks for a few seconds at most."""
    global _provider, _tracer  # noqa: PLW0603
    if _provider is not None:
        _provider.shutdown()
    _provider = _tracer = None


def current_traceparent() -> str:
    """The W3C `traceparent` of the work in progress; empty outside of any."""
    current = trace.get_current_span().get_span_context()
    if not current.is_valid:
        return ""
    return f"00-{current.trace_id:032x}-{current.span_id:016x}-{current.trace_flags:02x}"


def current_trace_ids() -> tuple[str, str]:
    """Trace id and span id of the work in progress in hexadecimal; empty outside of any."""
    current = trace.get_current_span().get_span_context()
    if not current.is_valid:
        return "", ""
    return f"{current.trace_id:032x}", f"{current.span_id:016x}"


def span(
    name: str,
    *,
    kind: SpanKind = SpanKind.INTERNAL,
    attributes: Attributes | None = None,
    traceparent: str | None = None,
    tracestate: str = "",
    recorded: bool = True,
) -> AbstractContextManager[Span]:
    """A span around the block, child of the one in progress; nothing where none is recorded.

    With a `traceparent` it is the first span of a request or message here: it continues the trace
    of the sender, or starts one where the text is empty or not valid. Where it is not recorded,
    there still is a trace id for logs and for what goes out.

    Names and attributes follow OpenTelemetry's semantic conventions (`db.system.name`,
    `messaging.operation.name`, …) and hold no secrets or personal data.
    """
    if traceparent is None:
        if _tracer is None or not trace.get_current_span().is_recording():
            return _nothing
        return _recording(_tracer, name, kind, attributes)
    sender = _parse(traceparent, tracestate)
    if _tracer is not None and recorded:
        parent = trace.set_span_in_context(NonRecordingSpan(sender), otel_context.Context())
        return _recording(_tracer, name, kind, attributes, parent)
    if not sender.is_valid:
        random = int.from_bytes(os.urandom(24))
        sender = SpanContext(random >> 64, random & (1 << 64) - 1, is_remote=False)
    return _Current(NonRecordingSpan(sender))


def _parse(traceparent: str, tracestate: str) -> SpanContext:
    """The sender's context, or the invalid one; OpenTelemetry's own parser is much slower."""
    found = _TRACEPARENT.fullmatch(traceparent)
    if found is None:
        return trace.INVALID_SPAN_CONTEXT
    return SpanContext(
        int(found[1], 16),
        int(found[2], 16),
        is_remote=True,
        trace_flags=TraceFlags(int(found[3], 16)),
        trace_state=TraceState.from_header([tracestate]) if tracestate else None,
    )


class _Current(AbstractContextManager[Span]):
    """Makes a span that records nothing the current one, at a third of `trace.use_span`'s cost."""

    __slots__ = ("_span", "_token")

    def __init__(self, span: Span) -> None:
        self._span = span

    def __enter__(self) -> Span:
        alone = trace.set_span_in_context(self._span, otel_context.Context())
        self._token = otel_context.attach(alone)
        return self._span

    def __exit__(self, *_: object) -> None:
        otel_context.detach(self._token)


@contextmanager
def _recording(
    tracer: trace.Tracer,
    name: str,
    kind: SpanKind,
    attributes: Attributes | None,
    parent: otel_context.Context | None = None,
) -> Iterator[Span]:
    """A span that says which exception ended it, but not the exception's text."""
    with tracer.start_as_current_span(
        name,
        parent,
        kind,
        attributes,
        record_exception=False,
        set_status_on_exception=False,
    ) as current:
        try:
            yield current
        except BaseException as error:
            current.set_attribute("error.type", type(error).__qualname__)
            current.set_status(StatusCode.ERROR)
            raise
