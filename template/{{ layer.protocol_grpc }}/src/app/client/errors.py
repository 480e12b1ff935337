"""What a call can end with, told apart by the code that the service gives."""

from collections.abc import Mapping
from dataclasses import dataclass

import grpc
from google.protobuf.message import DecodeError
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status

from app.errors import FieldFault

_DETAILS = "grpc-status-details-bin"


@dataclass
class CallError(Exception):
    """A call that failed.

    `code` is stable and names the error in the service's catalogue; it is empty where the service
    did not answer at all. `retry_after` is in seconds, None where it makes no sense to call again.
    """

    status: grpc.StatusCode
    message: str
    code: str = ""
    details: tuple[FieldFault, ...] = ()
    request_id: str = ""
    retry_after: float | None = None

    def __str__(self) -> str:
        return f"{self.code or self.status.name}: {self.message}"

    @classmethod
    def of(cls, error: grpc.aio.AioRpcError) -> "CallError":
        """From what grpc raises."""
        failed = cls(error.code(), error.details() or "")
        metadata: Mapping[str, str | bytes] = dict(error.trailing_metadata() or ())
        packed = metadata.get(_DETAILS)
        if not isinstance(packed, bytes):
            return failed
        info, faults, retry = ErrorInfo(), BadRequest(), RetryInfo()
        try:
            status = Status.FromString(packed)
        except DecodeError:
            return failed
        for detail in status.details:
            if detail.Unpack(info):
                failed.code, failed.request_id = info.reason, info.metadata["request_id"]
            elif detail.Unpack(faults):
                failed.details = tuple(
                    FieldFault(fault.field, fault.description) for fault in faults.field_violations
                )
            elif detail.Unpack(retry):
                failed.retry_after = retry.retry_delay.ToTimedelta().total_seconds()
        return failed
