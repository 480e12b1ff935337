"""gRPC through a gateway: a small server behind it, and calls from before it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc

_METHOD = "/orders.v1.OrderService/"
_MESSAGES = 5


@contextmanager
def answering() -> Iterator[int]:
    """A server that answers with the metadata that has reached it, once or many times."""

    def echo(_: bytes, context: Any) -> bytes:
        texts = [(key, value) for key, value in context.invocation_metadata() if key[-4:] != "-bin"]
        return json.dumps({"peer": context.peer(), "metadata": texts}).encode()

    def stream(message: bytes, context: Any) -> Iterator[bytes]:
        for _ in range(_MESSAGES):
            yield echo(message, context)
            time.sleep(1)

    handlers: dict[str, Any] = {
        "GetOrder": grpc.unary_unary_rpc_method_handler(echo),
        "WatchOrders": grpc.unary_stream_rpc_method_handler(stream),
    }
    server = grpc.server(ThreadPoolExecutor(4))
    service = grpc.method_handlers_generic_handler("orders.v1.OrderService", handlers)
    server.add_generic_rpc_handlers((service,))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield port
    finally:
        server.stop(0)


def faults(port: int, host: str, authority: Path, read_timeout: float) -> list[tuple[str, str]]:
    """What does not arrive as it should, by the name of what was tried."""
    credentials = grpc.ssl_channel_credentials(authority.read_bytes())
    options = [
        ("grpc.ssl_target_name_override", host),
        ("grpc.default_authority", host),
        ("grpc.max_metadata_size", 1 << 20),
    ]
    with grpc.secure_channel(f"127.0.0.1:{port}", credentials, options) as channel:
        return list(_faults(channel, read_timeout))


def _faults(channel: Any, read_timeout: float) -> Iterator[tuple[str, str]]:
    get, watch = (
        channel.unary_unary(f"{_METHOD}GetOrder"),
        channel.unary_stream(f"{_METHOD}WatchOrders"),
    )
    sent = (("x-forwarded-for", "203.0.113.9"), ("authorization", "Bearer x"))
    arrived = dict(json.loads(get(b"", metadata=sent, timeout=10))["metadata"])
    yield "credentials arrive", "" if arrived.get("authorization") == "Bearer x" else str(arrived)
    address = arrived.get("x-forwarded-for")
    yield "a forged address does not arrive", "" if address == "127.0.0.1" else str(address)
    begun, times = time.monotonic(), []
    for _ in watch(b"", timeout=30):
        times.append(time.monotonic() - begun)
    yield "a stream ends", "" if len(times) == _MESSAGES else f"{len(times)} messages"
    yield (
        "a stream is not held back",
        "" if times[0] < 1 else f"first message after {times[0]:.1f} s",
    )
    outlasts = times[-1] > read_timeout
    yield "a stream outlasts the time-out of requests", "" if outlasts else f"{times[-1]:.1f} s"
    try:
        get(b"", metadata=(("x-padding", "x" * 70_000),), timeout=10)
        fault = "answered"
    except grpc.RpcError:
        fault = ""
    yield "metadata over 64 KiB", fault
