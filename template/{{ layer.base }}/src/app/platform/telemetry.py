"""Traces: OpenTelemetry's API everywhere, its SDK only where an exporter is configured.

Without an exporter the trace context is still continued or started, for logs, outbound calls and
messages, and `span` does nothing.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Literal

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, SpanKind, StatusCode, TraceFlags
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
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


_propagator = TraceContextTextMapPropagator()
_provider: "TracerProvider | None" = None
_tracer: trace.Tracer | None = None


def configure_tracing(settings: TelemetrySettings, service_name: str, version: str) -> None:
    """Export spans by OTLP over HTTP from now on; without an endpoint nothing is loaded."""
    raise NotImplementedError


def shutdown() -> None:
    """Send what is left, and stop. Blocks for at most a few seconds."""
    raise NotImplementedError


def current_traceparent() -> str:
    """The W3C `traceparent` of the work in progress; empty outside of any."""
    raise NotImplementedError


def current_trace_ids() -> tuple[str, str]:
    """Trace id and span id of the work in progress in hexadecimal; empty outside of any."""
    raise NotImplementedError


def span(
    name: str,
    *,
    kind: SpanKind = SpanKind.INTERNAL,
    attributes: Attributes | None = None,
    traceparent: str | None = None,
) -> AbstractContextManager[Span]:
    """A span around the block, child of the one in progress or of the given `traceparent`.

    Names and attributes follow OpenTelemetry's semantic conventions (`db.system.name`,
    `messaging.operation.name`, …) and hold no secrets or personal data.
    """
    raise NotImplementedError
