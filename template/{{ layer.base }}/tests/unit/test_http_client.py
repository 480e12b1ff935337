"""Outbound calls are bounded in time, number, size and repeats."""

import asyncio
import gzip
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from prometheus_client import REGISTRY

from app.errors import AppError, ErrorCode
from app.platform.context import RequestContext, reset_context, set_context
from app.platform.http_client import HttpClient, HttpClientSettings
from app.platform.metrics import (
    bulkhead_refused,
    circuit_breaker_transitions,
    http_client_retries,
)
from app.platform.resilience import CircuitOpenError
from tests.support.receiver import Call, Receiver, Reply, receiving

pytestmark = pytest.mark.anyio
COUNTED = (bulkhead_refused, circuit_breaker_transitions, http_client_retries)
FAST: dict[str, Any] = {"http_client_retry_base_seconds": 0.001}


@asynccontextmanager
async def client(**settings: Any) -> AsyncIterator[HttpClient]:
    made = HttpClient(HttpClientSettings(**{**FAST, **settings}))
    try:
        yield made
    finally:
        await made.aclose()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as running:
        # An earlier one may have had the same address.
        for metric in COUNTED:
            metric.clear()
        yield running


@pytest.fixture
def release(receiver: Receiver) -> Iterator[threading.Event]:
    """Until the event is set, the receiver does not answer."""
    released = threading.Event()

    def answer(call: Call) -> Reply:
        released.wait(10)
        return Reply()

    receiver.answer = answer
    yield released
    released.set()


def statuses(*values: int) -> Callable[[Call], Reply]:
    """Answer with the statuses in turn; the last one stays."""
    left = list(values)
    return lambda call: Reply(left.pop(0) if len(left) > 1 else left[0])


def measured(name: str, receiver: Receiver, **labels: str) -> float:
    labels["server_address"] = receiver.url.removeprefix("http://")
    return REGISTRY.get_sample_value(name, labels) or 0.0


async def until(condition: Callable[[], bool]) -> None:
    for _ in range(1000):
        if condition():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("it has not happened within 5 s")


@pytest.mark.parametrize(
    ("method", "idempotent", "calls"),
    [("GET", None, 3), ("PUT", None, 3), ("POST", None, 1), ("POST", True, 3), ("GET", False, 1)],
)
async def test_only_idempotent_calls_are_repeated(
    receiver: Receiver, method: str, idempotent: bool | None, calls: int
) -> None:
    receiver.answer = statuses(503, 503, 200)
    async with client() as http:
        response = await http.request(method, receiver.url, idempotent=idempotent)
    assert len(receiver.calls) == calls
    assert response.status == (200 if calls == 3 else 503)
    assert measured("http_client_retries_total", receiver) == calls - 1


async def test_a_refusal_is_not_repeated(receiver: Receiver) -> None:
    receiver.answer = statuses(404)
    async with client() as http:
        assert (await http.request("GET", receiver.url)).status == 404
    assert len(receiver.calls) == 1


async def test_a_repeat_waits_as_long_as_the_receiver_asks(receiver: Receiver) -> None:
    replies = [Reply(429, headers={"retry-after": "1"}), Reply()]
    receiver.answer = lambda call: replies.pop(0)
    started = time.monotonic()
    async with client() as http:
        assert (await http.request("GET", receiver.url)).status == 200
    assert time.monotonic() - started >= 1


async def test_repeats_are_a_fraction_of_the_calls(receiver: Receiver) -> None:
    receiver.answer = statuses(503)
    async with client(http_client_breaker_failures=10_000) as http:
        for _ in range(100):
            await http.request("GET", receiver.url)
    assert 100 < len(receiver.calls) <= 100 + 10 + 20


async def test_the_breaker_opens_and_lets_one_probe_through(receiver: Receiver) -> None:
    receiver.answer = statuses(500)
    async with client(http_client_breaker_reset_seconds=0.2) as http:
        for _ in range(5):
            await http.request("GET", receiver.url)
        with pytest.raises(AppError) as refused:
            await http.request("GET", receiver.url)
        assert refused.value.code is ErrorCode.DEPENDENCY_UNAVAILABLE
        assert len(receiver.calls) == 5
        assert measured("circuit_breaker_state", receiver) == 2

        await asyncio.sleep(0.25)
        receiver.answer = statuses(200)
        answers = await asyncio.gather(
            *(http.request("GET", receiver.url) for _ in range(20)), return_exceptions=True
        )
        assert len(receiver.calls) == 6
        assert sum(isinstance(answer, AppError) for answer in answers) == 19
        assert measured("circuit_breaker_state", receiver) == 0
        await http.request("GET", receiver.url)
    transitions = "circuit_breaker_transitions_total"
    assert measured(transitions, receiver, state="open") == 1
    assert measured(transitions, receiver, state="half_open") == 1
    assert measured(transitions, receiver, state="closed") == 1


async def test_a_probe_that_fails_opens_the_breaker_again(receiver: Receiver) -> None:
    receiver.answer = statuses(500)
    async with client(http_client_breaker_reset_seconds=0.1) as http:
        for _ in range(5):
            await http.request("GET", receiver.url)
        await asyncio.sleep(0.15)
        assert (await http.request("GET", receiver.url)).status == 500
        with pytest.raises(AppError):
            await http.request("GET", receiver.url)
    assert len(receiver.calls) == 6


async def test_connections_that_fail_open_the_breaker() -> None:
    with receiving() as gone:
        pass
    async with client(http_client_max_attempts=1) as http:
        for _ in range(6):
            with pytest.raises(AppError) as failed:
                await http.request("GET", gone.url)
            assert failed.value.code is ErrorCode.DEPENDENCY_UNAVAILABLE
    assert measured("circuit_breaker_state", gone) == 2


async def test_a_cancelled_call_counts_neither_way_and_frees_the_probe(
    receiver: Receiver, release: threading.Event
) -> None:
    async with client(
        http_client_breaker_failures=1, http_client_breaker_reset_seconds=0.05
    ) as http:
        cancelled = asyncio.create_task(http.request("GET", receiver.url))
        await until(lambda: len(receiver.calls) == 1)
        cancelled.cancel()
        await asyncio.wait([cancelled])
        assert measured("circuit_breaker_state", receiver) == 0

        receiver.answer = statuses(500)
        await http.request("GET", receiver.url)
        await asyncio.sleep(0.1)
        receiver.answer = lambda call: Reply(200 if release.wait(10) else 500)
        probe = asyncio.create_task(http.request("GET", receiver.url))
        await until(lambda: len(receiver.calls) == 3)
        probe.cancel()
        await asyncio.wait([probe])
        release.set()
        assert (await http.request("GET", receiver.url)).status == 200


async def test_too_many_calls_at_once_are_refused_after_a_bounded_wait(
    receiver: Receiver, release: threading.Event
) -> None:
    async with client(http_client_max_concurrency=3, http_client_max_wait_seconds=0.1) as http:
        calls = [asyncio.create_task(http.request("POST", receiver.url)) for _ in range(5)]
        async with asyncio.timeout(10):
            while sum(call.done() for call in calls) < 2 or len(receiver.calls) < 3:
                await asyncio.sleep(0.01)
        assert measured("bulkhead_in_flight", receiver) == 3
        assert measured("bulkhead_refused_total", receiver) == 2
        assert sum(call.done() for call in calls) == 2
        release.set()
        answers = await asyncio.gather(*calls, return_exceptions=True)
    assert sum(isinstance(answer, AppError) for answer in answers) == 2
    assert measured("bulkhead_in_flight", receiver) == 0


async def test_no_call_outlives_the_deadline_of_its_request(
    receiver: Receiver, release: threading.Event
) -> None:
    deadline = asyncio.get_running_loop().time() + 0.3
    token = set_context(RequestContext(request_id="slow", deadline=deadline))
    try:
        async with client() as http:
            with pytest.raises(AppError) as failed:
                await http.request("GET", receiver.url)
    finally:
        reset_context(token)
    assert failed.value.code is ErrorCode.DEADLINE_EXCEEDED
    assert 0 <= asyncio.get_running_loop().time() - deadline < 0.3


async def test_a_frozen_destination_costs_the_read_timeout_and_opens_the_breaker(
    receiver: Receiver, release: threading.Event
) -> None:
    async with client(
        http_client_read_timeout_seconds=0.1,
        http_client_max_attempts=1,
        http_client_breaker_failures=2,
    ) as http:
        started = time.monotonic()
        for _ in range(2):
            with pytest.raises(AppError) as failed:
                await http.request("GET", receiver.url)
            assert failed.value.code is ErrorCode.DEPENDENCY_UNAVAILABLE
        assert time.monotonic() - started < 1
    assert measured("circuit_breaker_state", receiver) == 2


async def test_a_call_that_is_given_up_after_the_read_timeout_opens_the_breaker() -> None:
    left = asyncio.Event()

    async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        while not reader.at_eof():
            writer.write(b"0")
            with suppress(TimeoutError):
                await asyncio.wait_for(reader.read(), 0.02)
        writer.close()
        left.set()

    async with (
        await asyncio.start_server(trickle, "127.0.0.1", 0) as server,
        client(http_client_read_timeout_seconds=0.2, http_client_breaker_failures=1) as http,
    ):
        host, port = server.sockets[0].getsockname()
        url = f"http://{host}:{port}"
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(http.request("GET", url), 1)
        await left.wait()
        with pytest.raises(AppError) as refused:
            await http.request("GET", url)
    assert isinstance(refused.value.__cause__, CircuitOpenError)


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
async def test_a_response_over_the_limit_is_not_read_to_its_end(
    receiver: Receiver, encoding: str
) -> None:
    body = b"0" * 2_000_000
    receiver.answer = lambda call: Reply(
        body=gzip.compress(body) if encoding == "gzip" else body,
        headers={"content-encoding": encoding},
    )
    async with client() as http:
        with pytest.raises(AppError) as failed:
            await http.request("GET", receiver.url)
    assert failed.value.code is ErrorCode.DEPENDENCY_UNAVAILABLE


async def test_redirects_and_cookies_are_not_followed(receiver: Receiver) -> None:
    headers = {"location": f"{receiver.url}/elsewhere", "set-cookie": "session=1"}
    receiver.answer = lambda call: Reply(302, headers=headers)
    async with client() as http:
        for _ in range(2):
            assert (await http.request("GET", f"{receiver.url}/here")).status == 302
    assert [call.path for call in receiver.calls] == ["/here", "/here"]
    assert receiver.calls[1].headers["cookie"] is None


async def test_the_request_id_goes_along(receiver: Receiver) -> None:
    token = set_context(RequestContext(request_id="abc-1"))
    try:
        async with client() as http:
            await http.request("GET", receiver.url, headers={"accept": "text/plain"})
    finally:
        reset_context(token)
    assert receiver.calls[0].headers["x-request-id"] == "abc-1"
    assert receiver.calls[0].headers["accept"] == "text/plain"
