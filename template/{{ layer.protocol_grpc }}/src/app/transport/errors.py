"""Errors as `google.rpc.Status`, with the details that clients decide by."""

import math
from collections.abc import Iterable

import grpc
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status

from app.errors import AppError, ErrorCode
from app.project import NAME

# What a client gets at most of the faults of one message.
MOST_FAULTS = 100
# Clients refuse answers at random with more than 8 KiB of metadata, which is sent as base64.
_MOST_FAULT_BYTES = 4096
_PAUSE_SECONDS = 1.0


def status_code(error: AppError) -> grpc.StatusCode:
    """The gRPC status of the error; INTERNAL for one that only HTTP knows."""
    return grpc.StatusCode[error.code.value.grpc_status or "INTERNAL"]


def trailers(error: AppError, request_id: str) -> Iterable[tuple[str, str | bytes]]:
    """The trailing metadata that tells of the error: details, and what its headers say."""
    status = Status(code=status_code(error).value[0], message=error.message)
    for detail in _details(error, request_id):
        status.details.add().Pack(detail)
    yield from rpc_status.to_status(status).trailing_metadata
    for name, value in error.headers.items():
        yield name.lower(), value
    if error.retry_after is not None:
        # The retries that clients do by their service config wait as long.
        yield "grpc-retry-pushback-ms", str(math.ceil(error.retry_after * 1000))


def _details(error: AppError, request_id: str) -> Iterable[Message]:
    retryable = error.code.value.retryable
    yield ErrorInfo(
        reason=error.code.name,
        domain=NAME,
        metadata={"request_id": request_id, "retryable": str(retryable).lower()},
    )
    if error.details:
        told = BadRequest()
        for fault in error.details[:MOST_FAULTS]:
            told.field_violations.add(field=fault.field, description=fault.issue)
            if told.ByteSize() > _MOST_FAULT_BYTES:
                break
        yield told
    if retryable and error.code is not ErrorCode.TOKEN_EXPIRED:
        info = RetryInfo()
        pause = _PAUSE_SECONDS if error.retry_after is None else error.retry_after
        info.retry_delay.FromMilliseconds(math.ceil(pause * 1000))
        yield info
