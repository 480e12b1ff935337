"""From the bytes of a message to one that keeps the rules of the contract."""

from collections.abc import Iterator, Sequence
from typing import Any

import protovalidate
from google.protobuf.message import DecodeError, Message
from protovalidate import FieldPathElementPb, Violation

from app.errors import AppError, ErrorCode, FieldFault
from app.transport.calls import Behaviour, Call, Rpc
from app.transport.errors import MOST_FAULTS

_validator = protovalidate.Validator()


class MessageInterceptor:
    """Decodes the message and has all its faults told at once."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes

    def wrap(self, inner: Behaviour, rpc: Rpc) -> Behaviour:
        # Reads the rules, which takes longer than to apply them.
        _validator.collect_violations(rpc.request())

        async def read(message: Any, call: Call) -> Message | None:
            if len(message) > self._most_bytes:
                raise AppError(ErrorCode.PAYLOAD_TOO_LARGE)
            try:
                decoded = rpc.request.FromString(message)
            except DecodeError:
                text = f"The message is not a {rpc.request.DESCRIPTOR.full_name}"
                raise AppError(ErrorCode.MALFORMED_REQUEST, text) from None
            refuse(faults(decoded))
            return await inner(decoded, call)

        return read


def faults(message: Message, within: str = "") -> list[FieldFault]:
    """What the contract has against a message; the paths of its fields begin with `within`."""
    found = _validator.collect_violations(message)
    return [FieldFault(within + _path(it), it.proto.message) for it in found[:MOST_FAULTS]]


def refuse(faults: Sequence[FieldFault]) -> None:
    """Raise VALIDATION_ERROR where there are any."""
    if faults:
        raise AppError(ErrorCode.VALIDATION_ERROR, details=faults)


def _path(violation: Violation) -> str:
    """Such as `order.lines[0].quantity`."""
    field = violation.proto.field
    return ".".join(_steps(field.elements)) if field else ""


def _steps(elements: Sequence[FieldPathElementPb]) -> Iterator[str]:
    for element in elements:
        index = element.subscript
        yield f"{element.field_name}[{index.value}]" if index else element.field_name
