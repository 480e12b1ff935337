"""A channel to a service: retries, deadlines, breaker, and what goes along with each call."""

import json
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import grpc
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.descriptor_pb2 import MethodOptions

from app.client.interceptors import StreamCalls, UnaryCalls
from app.platform.resilience import CircuitBreaker

TokenSource = Callable[[], Awaitable[str]]
"""Gives the access token for a call; it is asked each time, and so may renew it."""


@dataclass(frozen=True, kw_only=True)
class ClientOptions:
    """How patient a client is; times in seconds.

    A call ends with the deadline of the context, or after `timeout`. Methods without side effects
    are tried up to `attempts` times while the service is UNAVAILABLE, and so are the `repeatable`
    ones, of which each call carries an idempotency key. After `breaker_failures` failures in a row,
    no call is made for `breaker_reset`; then one is tried.
    """

    timeout: float = 10.0
    attempts: int = 3
    first_pause: float = 0.1
    longest_pause: float = 2.0
    breaker_failures: int = 5
    breaker_reset: float = 5.0
    repeatable: frozenset[str] = field(default_factory=frozenset)


def open_channel(
    target: str,
    services: Iterable[ServiceDescriptor],
    *,
    token: TokenSource | None = None,
    credentials: grpc.ChannelCredentials | None = None,
    options: ClientOptions | None = None,
) -> grpc.aio.Channel:
    """A channel for the services at `target`, such as `dns:///orders.internal:50051`.

    Its calls raise `CallError`. Without credentials it does not encrypt: for a mesh, and for tests.
    The caller closes it.
    """
    chosen = options or ClientOptions()
    breaker = CircuitBreaker(target, chosen.breaker_failures, chosen.breaker_reset)
    interceptors: Sequence[grpc.aio.ClientInterceptor] = (
        UnaryCalls(breaker, token, chosen.timeout),
        StreamCalls(breaker, token),
    )
    settings = [
        ("grpc.service_config", json.dumps(service_config(services, chosen))),
        ("grpc.keepalive_time_ms", 60_000),
        ("grpc.keepalive_timeout_ms", 20_000),
    ]
    if credentials is None:
        return grpc.aio.insecure_channel(target, settings, interceptors=interceptors)
    return grpc.aio.secure_channel(target, credentials, settings, interceptors=interceptors)


def service_config(
    services: Iterable[ServiceDescriptor], options: ClientOptions
) -> Mapping[str, object]:
    """What gRPC itself does: retries under a budget, and load spread over the addresses."""
    repeatable = [
        {"service": service.full_name, "method": method.name}
        for service in services
        for method in service.methods
        if _is_repeatable(method, options)
    ]
    # One attempt is none that is repeated, which gRPC does not take for a policy.
    retries = repeatable and options.attempts > 1
    retry = {
        "maxAttempts": options.attempts,
        "initialBackoff": f"{options.first_pause}s",
        "maxBackoff": f"{options.longest_pause}s",
        "backoffMultiplier": 2,
        # Cancelled by the other side: an instance that stops takes back so what it has not begun.
        "retryableStatusCodes": ["UNAVAILABLE", "CANCELLED"],
    }
    return {
        "loadBalancingConfig": [{"round_robin": {}}],
        "methodConfig": [{"name": repeatable, "retryPolicy": retry}] if retries else [],
        # Retries stop while more than half of the calls fail, and begin again as they succeed.
        "retryThrottling": {"maxTokens": 10, "tokenRatio": 0.2},
    }


def _is_repeatable(method: MethodDescriptor, options: ClientOptions) -> bool:
    level = method.GetOptions().idempotency_level
    return level != MethodOptions.IDEMPOTENCY_UNKNOWN or method.name in options.repeatable
