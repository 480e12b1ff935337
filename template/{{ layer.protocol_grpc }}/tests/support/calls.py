"""Calling the service as another program does, and what it answers."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status
from grpc_health.v1.health_pb2_grpc import HealthStub

from app.proto.audit.v1.audit_pb2_grpc import AuditServiceStub
from app.proto.orders.v1.orders_pb2_grpc import OrderServiceStub
from tests.support.service import Service

SECONDS = 15.0
Metadata = Mapping[str, str]


def target(service: Service) -> str:
    """The address of its gRPC port."""
    return f"127.0.0.1:{service.environment['GRPC_PORT']}"


@dataclass(frozen=True)
class Refusal:
    """How a call was refused, with the details that came along."""

    status: grpc.StatusCode
    message: str
    code: str = ""
    domain: str = ""
    request_id: str = ""
    fields: list[str] = field(default_factory=list)
    issues: list[str] = field(default_factory=list)
    retry_seconds: float | None = None
    metadata: Metadata = field(default_factory=dict)

    @classmethod
    def of(cls, error: Any) -> "Refusal":
        """From the error that a stub raises."""
        metadata = dict(error.trailing_metadata() or ())
        packed = metadata.pop("grpc-status-details-bin", None)
        if packed is None:
            return cls(error.code(), error.details(), metadata=metadata)
        status = Status.FromString(packed)
        assert (status.code, status.message) == (error.code().value[0], error.details())
        info, faults, retry = ErrorInfo(), BadRequest(), RetryInfo()
        told = [detail.Unpack(info) for detail in status.details]
        told += [detail.Unpack(faults) for detail in status.details]
        waits = [detail.Unpack(retry) for detail in status.details]
        assert sum(told + waits) == len(status.details)
        return cls(
            error.code(),
            error.details(),
            info.reason,
            info.domain,
            info.metadata["request_id"],
            [violation.field for violation in faults.field_violations],
            [violation.description for violation in faults.field_violations],
            retry.retry_delay.ToMilliseconds() / 1000 if any(waits) else None,
            metadata,
        )


class Client:
    """The stubs of one caller, whose metadata goes with each call."""

    def __init__(self, channel: grpc.Channel, metadata: Metadata) -> None:
        self.channel = grpc.intercept_channel(channel, _WithMetadata(metadata))
        self.orders = OrderServiceStub(self.channel)
        self.audit = AuditServiceStub(self.channel)

    def raw(self, method: str) -> Callable[..., bytes]:
        """The method as bytes in and out, which need not be messages of the contract."""
        call: Callable[..., bytes] = self.channel.unary_unary(f"/{method}")
        return call


def health_stub(channel: grpc.Channel) -> Any:
    """The standard health service, whose stubs leave out what it offers."""
    return HealthStub(channel)


@contextmanager
def calling(
    service: Service, headers: Metadata | None = None, **options: int | str
) -> Iterator[Client]:
    """A client with the headers, which are those of HTTP, on a connection of its own."""
    metadata = {name.lower(): value for name, value in (headers or {}).items()}
    with grpc.insecure_channel(target(service), [*options.items()]) as channel:
        yield Client(channel, metadata)


def refusal(method: Callable[..., Any], request: Any, **options: Any) -> Refusal:
    """What the service has against the call; a stream is read to its end."""
    try:
        answer = method(request, **{"timeout": SECONDS, **options})
        if isinstance(answer, grpc.Call):
            answer = list(answer)  # type: ignore[call-overload]
    except grpc.RpcError as error:
        return Refusal.of(error)
    raise AssertionError(f"The call is answered: {answer}")


def answered(
    method: Any, request: Any, metadata: Metadata | None = None, **options: Any
) -> tuple[Any, Metadata]:
    """The answer to a call with more metadata, and what metadata comes with it."""
    sent = [*(metadata or {}).items()]
    answer, call = method.with_call(request, metadata=sent, timeout=SECONDS, **options)
    return answer, dict((*call.initial_metadata(), *call.trailing_metadata()))


class _Details(grpc.ClientCallDetails):
    def __init__(self, details: grpc.ClientCallDetails, metadata: Metadata) -> None:
        self.method = details.method
        self.timeout = details.timeout
        self.credentials = details.credentials
        self.wait_for_ready = details.wait_for_ready
        self.compression = details.compression
        self.metadata = (*metadata.items(), *(details.metadata or ()))


class _WithMetadata(grpc.UnaryUnaryClientInterceptor, grpc.UnaryStreamClientInterceptor):
    def __init__(self, metadata: Metadata) -> None:
        self._metadata = metadata

    def intercept_unary_unary(self, continuation: Any, details: Any, request: Any) -> Any:
        return continuation(_Details(details, self._metadata), request)

    def intercept_unary_stream(self, continuation: Any, details: Any, request: Any) -> Any:
        return continuation(_Details(details, self._metadata), request)
