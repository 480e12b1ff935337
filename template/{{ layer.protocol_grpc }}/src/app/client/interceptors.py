"""What happens around each outgoing call."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
from grpc.aio import ClientCallDetails, Metadata

from app.client.errors import CallError
from app.platform.context import context
from app.platform.resilience import CallOutcome, CircuitBreaker, CircuitOpenError
from app.platform.telemetry import current_traceparent

TokenSource = Callable[[], Awaitable[str]]

_FAULTS_OF_THE_SERVICE = frozenset(
    {
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNAVAILABLE,
    }
)


class UnaryCalls(grpc.aio.UnaryUnaryClientInterceptor):
    """Calls with one answer: bounded in time, and not made to a service that fails."""

    def __init__(self, breaker: CircuitBreaker, token: TokenSource | None, timeout: float) -> None:
        self._breaker = breaker
        self._token = token
        self._timeout = timeout

    async def intercept_unary_unary(
        self,
        continuation: Callable[[ClientCallDetails, Any], Awaitable[Any]],
        client_call_details: ClientCallDetails,
        request: Any,
    ) -> Any:
        timeout = _time_left(client_call_details.timeout, self._timeout)
        details = await _completed(client_call_details, timeout, self._token)
        try:
            async with self._breaker.call() as outcome:
                # A deadline that others have used up says nothing of the service.
                blamed = timeout >= self._timeout
                return await _answer(await continuation(details, request), outcome, blamed=blamed)
        except CircuitOpenError:
            raise _not_called() from None


class StreamCalls(grpc.aio.UnaryStreamClientInterceptor):
    """Streams, which last as long as the caller wants; none begins while the service fails."""

    def __init__(self, breaker: CircuitBreaker, token: TokenSource | None) -> None:
        self._breaker = breaker
        self._token = token

    async def intercept_unary_stream(
        self,
        continuation: Callable[[ClientCallDetails, Any], Awaitable[Any]],
        client_call_details: ClientCallDetails,
        request: Any,
    ) -> Any:
        details = await _completed(client_call_details, client_call_details.timeout, self._token)
        try:
            async with self._breaker.call():
                return _messages(await continuation(details, request))
        except CircuitOpenError:
            raise _not_called() from None


async def _answer(call: Any, outcome: CallOutcome, *, blamed: bool) -> Any:
    try:
        answer = await call
    except grpc.aio.AioRpcError as error:
        if error.code() not in _FAULTS_OF_THE_SERVICE:
            outcome.succeeded()
        elif blamed or error.code() is not grpc.StatusCode.DEADLINE_EXCEEDED:
            outcome.failed()
        raise CallError.of(error) from None
    except grpc.aio.InternalError:
        # What gRPC's core does not take; of a stream it says so with this status by itself.
        message = "The call cannot be sent: metadata may hold nothing but printable ASCII"
        raise CallError(grpc.StatusCode.INTERNAL, message) from None
    outcome.succeeded()
    return answer


async def _messages(call: Any) -> AsyncIterator[Any]:
    try:
        async for message in call:
            yield message
    except grpc.aio.AioRpcError as error:
        raise CallError.of(error) from None
    finally:
        call.cancel()


def _time_left(asked: float | None, timeout: float) -> float:
    """Never beyond the deadline of the request that this call serves."""
    remaining = context().remaining()
    return min(limit for limit in (asked, timeout, remaining) if limit is not None)


async def _completed(
    details: ClientCallDetails, seconds: float | None, token: TokenSource | None
) -> ClientCallDetails:
    """The call with the metadata that ties it to the request in progress.

    The token has to be there in the same `seconds`, of which the call gets what is left.
    """
    began = time.monotonic()
    metadata = Metadata(*(details.metadata or ()))
    metadata.add("x-request-id", context().request_id)
    if traceparent := current_traceparent():
        metadata.add("traceparent", traceparent)
    if token is not None:
        try:
            async with asyncio.timeout(seconds):
                # Secrets in files often end with a line break, which no metadata may have.
                metadata.add("authorization", f"Bearer {(await token()).strip()}")
        except TimeoutError:
            message = "There was no token in time, and the service was not called"
            raise CallError(grpc.StatusCode.DEADLINE_EXCEEDED, message) from None
    if seconds is not None:
        seconds -= time.monotonic() - began
    return ClientCallDetails(
        details.method, seconds, metadata, details.credentials, details.wait_for_ready
    )


def _not_called() -> CallError:
    message = "The service has failed lately, and was not called"
    return CallError(grpc.StatusCode.UNAVAILABLE, message, "CIRCUIT_OPEN")
