"""One call, as interceptors and methods see it."""

from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import grpc
from google.protobuf.message import Message

from app.auth.principal import Principal
from app.errors import AppError, ErrorCode
from app.platform.context import context

HEALTH = "grpc.health.v1.Health/"
"""Asked by machines that watch this one: answered to anybody, whatever the load."""

ServicerContext: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


@dataclass(frozen=True, slots=True)
class Rpc:
    """A method of the contract; `name` reads `orders.v1.OrderService/GetOrder`."""

    name: str
    access: str
    streams: bool
    request: type[Message]


@dataclass(slots=True)
class Call:
    """A call in progress.

    `metadata` has the last value of each name, without the binary ones; `trailers` go out with the
    status, whatever it will be. `authentication_error` is what was wrong with the credentials.
    """

    rpc: Rpc
    context: ServicerContext
    metadata: Mapping[str, str]
    trailers: dict[str, str] = field(default_factory=dict)
    authentication_error: AppError | None = None


Behaviour = Callable[[Any, Call], Awaitable[bytes | None]]
"""Takes the message, which for most interceptors has not come yet; returns the encoded answer, of
which a stream has none."""

_current: ContextVar[Call] = ContextVar("call")
current_call = _current.get
set_call = _current.set
reset_call = _current.reset


def caller() -> Principal:
    """Who calls; raises what was wrong with the credentials, or UNAUTHENTICATED."""
    principal = context().principal
    if principal is None:
        raise current_call().authentication_error or AppError(ErrorCode.UNAUTHENTICATED)
    return principal
