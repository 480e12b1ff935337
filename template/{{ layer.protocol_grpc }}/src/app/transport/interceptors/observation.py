"""The outermost interceptor: what is known of a call, what is told about it, and how it ends."""

import asyncio
from time import perf_counter
from typing import Any, NoReturn

import grpc
import structlog
from opentelemetry.trace import Span, SpanKind, StatusCode

from app.errors import AppError, ErrorCode
from app.http.forwarding import Network
from app.platform.context import RequestContext, accept_request_id, reset_context, set_context
from app.platform.telemetry import span
from app.transport.calls import HEALTH, Behaviour, Call, Rpc, reset_call, set_call
from app.transport.errors import status_code, trailers
from app.transport.metrics import call_duration, streams
from app.transport.peers import caller_address

log = structlog.get_logger()

_SERVER_FAULTS = frozenset(
    {
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNAVAILABLE,
    }
)


class ObservationInterceptor:
    """Gives a call its context, span, log line and metrics, and answers it with its request id.

    What is raised further in becomes a status; nothing of an unforeseen exception goes out.
    """

    def __init__(self, trusted_proxies: tuple[Network, ...]) -> None:
        self._trusted_proxies = trusted_proxies

    def wrap(self, inner: Behaviour, rpc: Rpc) -> Behaviour:
        attributes = {"rpc.system.name": "grpc", "rpc.method": rpc.name}

        async def observe(message: Any, call: Call) -> bytes | None:
            metadata = call.metadata
            current = RequestContext(
                request_id=accept_request_id(metadata.get("x-request-id")),
                client_address=caller_address(call, self._trusted_proxies),
                method="RPC",
                route=rpc.name,
            )
            call.trailers["x-request-id"] = current.request_id
            token, call_token = set_context(current), set_call(call)
            try:
                with span(
                    rpc.name,
                    kind=SpanKind.SERVER,
                    attributes=attributes,
                    traceparent=metadata.get("traceparent", ""),
                    tracestate=metadata.get("tracestate", ""),
                    recorded=not rpc.name.startswith(HEALTH),
                ) as entry:
                    answer, error = await self._answer(inner, message, call, current, entry)
                # Out of the span, which is no failure for what the caller got wrong.
                if error is not None:
                    await _abort(call, error, current.request_id)
                return answer
            finally:
                reset_context(token)
                reset_call(call_token)

        return observe

    async def _answer(
        self, inner: Behaviour, message: Any, call: Call, current: RequestContext, entry: Span
    ) -> tuple[bytes | None, AppError | None]:
        began = perf_counter()
        code = grpc.StatusCode.OK
        log.debug("request started")
        try:
            answer = await inner(message, call)
            call.context.set_trailing_metadata(tuple(call.trailers.items()))
            return answer, None
        except asyncio.CancelledError:
            code = grpc.StatusCode.CANCELLED
            raise
        except AppError as error:
            code = status_code(error)
            return None, error
        except Exception:
            code = grpc.StatusCode.INTERNAL
            log.exception("unhandled exception")
            return None, AppError(ErrorCode.INTERNAL_ERROR)
        finally:
            _record(call.rpc, code, perf_counter() - began, current, entry)


def _record(
    rpc: Rpc, code: grpc.StatusCode, seconds: float, current: RequestContext, entry: Span
) -> None:
    if rpc.streams:
        streams.labels(rpc.name, code.name).inc()
    else:
        call_duration.labels(rpc.name, code.name).observe(seconds)
    if entry.is_recording():
        entry.set_attribute("rpc.response.status_code", code.name)
        entry.set_attribute("app.request_id", current.request_id)
        if code in _SERVER_FAULTS:
            entry.set_attribute("error.type", code.name)
            entry.set_status(StatusCode.ERROR)
    log.info("request", status=code.name, duration_ms=round(seconds * 1000, 3))


async def _abort(call: Call, error: AppError, request_id: str) -> NoReturn:
    told = dict(call.trailers) | dict(trailers(error, request_id))
    await call.context.abort(status_code(error), error.message, tuple(told.items()))
