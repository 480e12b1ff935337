"""The one HTTP client for calls to other services: bounded in time, number, size and retries."""

import asyncio
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx2
from opentelemetry.trace import SpanKind
from pydantic import Field

from app.errors import AppError, ErrorCode
from app.platform import metrics, telemetry
from app.platform.configuration import SettingsGroup
from app.platform.context import context
from app.platform.public_network import PublicTransport, tls_context
from app.platform.resilience import (
    Bulkhead,
    BulkheadFullError,
    CircuitBreaker,
    CircuitOpenError,
    RetryBudget,
)

_IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
_WORTH_A_RETRY = frozenset({429, 502, 503, 504})
_LIMITS = httpx2.Limits(max_connections=None, max_keepalive_connections=100)
_random = random.SystemRandom()


class HttpClientSettings(SettingsGroup):
    """Outbound calls; the `HTTP_CLIENT_` variables. Limits hold for each destination."""

    http_client_connect_timeout_seconds: float = Field(default=2.0, gt=0)
    http_client_read_timeout_seconds: float = Field(default=5.0, gt=0)
    http_client_total_timeout_seconds: float = Field(default=10.0, gt=0)
    http_client_max_attempts: int = Field(default=3, ge=1, le=10)
    http_client_retry_base_seconds: float = Field(default=0.1, gt=0)
    http_client_max_concurrency: int = Field(default=20, ge=1)
    http_client_max_wait_seconds: float = Field(default=1.0, ge=0)
    http_client_breaker_failures: int = Field(default=5, ge=1)
    http_client_breaker_reset_seconds: float = Field(default=5.0, gt=0)
    http_client_max_response_bytes: int = Field(default=1_048_576, ge=1)


class ResponseTooLargeError(Exception):
    """The response is larger than `HTTP_CLIENT_MAX_RESPONSE_BYTES`."""


_NO_RESPONSE = (
    httpx2.TransportError,
    CircuitOpenError,
    BulkheadFullError,
    ResponseTooLargeError,
)


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A response read whole, its content decoded."""

    status: int
    headers: httpx2.Headers
    body: bytes


@dataclass(frozen=True, slots=True)
class _Call:
    """`end` is a time of the event loop."""

    method: str
    url: httpx2.URL
    headers: Mapping[str, str]
    content: bytes
    public_only: bool
    end: float

    def time_left(self) -> float:
        return self.end - asyncio.get_running_loop().time()


class _Destination:
    def __init__(self, name: str, settings: HttpClientSettings) -> None:
        self.name = name
        self.budget = RetryBudget()
        self.breaker = CircuitBreaker(
            name,
            settings.http_client_breaker_failures,
            settings.http_client_breaker_reset_seconds,
        )
        self.bulkhead = Bulkhead(
            name, settings.http_client_max_concurrency, settings.http_client_max_wait_seconds
        )


class HttpClient:
    """Calls other services; a destination is a host and port, and comes from configuration."""

    def __init__(self, settings: HttpClientSettings) -> None:
        self._settings = settings
        self._destinations: dict[str, _Destination] = {}
        self._clients: dict[bool, httpx2.AsyncClient] = {}

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes = b"",
        idempotent: bool | None = None,
        public_only: bool = False,
    ) -> HttpResponse:
        """Send a request and return the response, whatever its status; follows no redirect.

        The call ends with the deadline of the context, or earlier. It is repeated after failures
        and the statuses 429, 502, 503 and 504 where the method is idempotent; `idempotent` says
        otherwise, say for a POST with an idempotency key. `public_only` refuses destinations
        outside of the public internet.

        Raises AppError: DEADLINE_EXCEEDED when the context's time is over, and
        DEPENDENCY_UNAVAILABLE, with its cause, when there is no response; ForbiddenAddressError.
        """
        total = self._settings.http_client_total_timeout_seconds
        remaining = context().remaining()
        allowed = total if remaining is None else min(total, remaining)
        end = asyncio.get_running_loop().time() + allowed
        call = _Call(method, httpx2.URL(url), headers or {}, content, public_only, end)
        try:
            return await self._with_retries(
                call, method in _IDEMPOTENT if idempotent is None else idempotent
            )
        except TimeoutError as error:
            raise AppError(
                ErrorCode.DEPENDENCY_UNAVAILABLE
                if allowed == total
                else ErrorCode.DEADLINE_EXCEEDED
            ) from error
        except _NO_RESPONSE as error:
            raise AppError(ErrorCode.DEPENDENCY_UNAVAILABLE) from error

    async def aclose(self) -> None:
        """Close every connection."""
        for client in self._clients.values():
            await client.aclose()

    async def _with_retries(self, call: _Call, repeatable: bool) -> HttpResponse:
        destination = self._destination(call.url)
        destination.budget.called()
        attempt = 1
        while True:
            failure: Exception | None = None
            response: HttpResponse | None = None
            try:
                response = await self._attempt(destination, call)
            except httpx2.TransportError as error:
                failure = error
            if response is not None and response.status not in _WORTH_A_RETRY:
                return response
            pause = self._pause(attempt, response)
            if (
                repeatable
                and attempt < self._settings.http_client_max_attempts
                and pause < call.time_left()
                and destination.budget.take()
            ):
                metrics.http_client_retries.labels(destination.name).inc()
                await asyncio.sleep(pause)
                attempt += 1
            elif response is not None:
                return response
            elif failure is not None:
                raise failure

    def _pause(self, attempt: int, response: HttpResponse | None) -> float:
        """Exponential backoff with full jitter, and not before the receiver wants it."""
        asked = response.headers.get("retry-after", "") if response else ""
        longest: float = self._settings.http_client_retry_base_seconds * 2**attempt
        return max(_random.uniform(0, longest), float(asked) if asked.isdecimal() else 0.0)

    async def _attempt(self, destination: _Destination, call: _Call) -> HttpResponse:
        async with (
            destination.bulkhead.place(call.time_left()),
            destination.breaker.call() as outcome,
        ):
            loop = asyncio.get_running_loop()
            began = loop.time()
            try:
                async with asyncio.timeout(call.time_left()):
                    response = await self._exchange(destination.name, call)
            except httpx2.TransportError:
                outcome.failed()
                raise
            except (TimeoutError, asyncio.CancelledError):
                # Whoever ended the call: had it less time, the destination may not be at fault.
                if loop.time() - began >= self._settings.http_client_read_timeout_seconds:
                    outcome.failed()
                raise
            if response.status >= 500:
                outcome.failed()
            else:
                outcome.succeeded()
        return response

    async def _exchange(self, server: str, call: _Call) -> HttpResponse:
        started = time.perf_counter()
        status = "none"
        attributes = {"http.request.method": call.method, "server.address": call.url.host}
        try:
            with telemetry.span(call.method, kind=SpanKind.CLIENT, attributes=attributes) as span:
                headers = {**call.headers, "X-Request-ID": context().request_id}
                if traceparent := telemetry.current_traceparent():
                    headers["traceparent"] = traceparent
                async with self._client(call.public_only).stream(
                    call.method, call.url, headers=headers, content=call.content
                ) as response:
                    status = str(response.status_code)
                    span.set_attribute("http.response.status_code", response.status_code)
                    return HttpResponse(
                        response.status_code, response.headers, await self._body(response)
                    )
        finally:
            metrics.http_client_request_duration.labels(server, call.method, status).observe(
                time.perf_counter() - started
            )

    async def _body(self, response: httpx2.Response) -> bytes:
        body = bytearray()
        async for part in response.aiter_bytes():
            body += part
            if len(body) > self._settings.http_client_max_response_bytes:
                raise ResponseTooLargeError(f"{response.url.host} sent more than the limit")
        return bytes(body)

    def _destination(self, url: httpx2.URL) -> _Destination:
        name = f"{url.host}:{url.port}" if url.port else url.host
        if name not in self._destinations:
            self._destinations[name] = _Destination(name, self._settings)
        return self._destinations[name]

    def _client(self, public_only: bool) -> httpx2.AsyncClient:
        """Made when first used: reading the certificates takes longer than a request."""
        if public_only not in self._clients:
            self._clients[public_only] = httpx2.AsyncClient(
                verify=tls_context(),
                transport=PublicTransport(_LIMITS) if public_only else None,
                limits=_LIMITS,
                timeout=httpx2.Timeout(
                    self._settings.http_client_read_timeout_seconds,
                    connect=self._settings.http_client_connect_timeout_seconds,
                ),
                # One client serves every caller, so that it must not carry cookies between them.
                cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
            )
        return self._clients[public_only]
