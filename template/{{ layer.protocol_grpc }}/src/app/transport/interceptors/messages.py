"""From the bytes of a message to one that keeps the rules of the contract."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from functools import cache
from typing import Any

import protovalidate
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, Message
from protovalidate import FieldPathElementPb, Violation

from app.auth.access import PUBLIC
from app.errors import AppError, ErrorCode, FieldFault
from app.proto.buf.validate import validate_pb2
from app.transport.calls import Behaviour, Call, Rpc
from app.transport.errors import MOST_FAULTS

# Clients send the message of a call along with its metadata: what is left is the way of a big one
# through a slow network. Whoever needs no credentials has few bytes to tell.
_PATIENCE_SECONDS = 5
_PUBLIC_PATIENCE_SECONDS = 2
_validator = protovalidate.Validator()


class MessageInterceptor:
    """Decodes the message and has all its faults told at once."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes

    def wrap(self, inner: Behaviour, rpc: Rpc) -> Behaviour:
        # Reads the rules, which takes longer than to apply them.
        _validator.collect_violations(rpc.request())
        patience = _PUBLIC_PATIENCE_SECONDS if rpc.access == PUBLIC else _PATIENCE_SECONDS

        async def read(messages: Any, call: Call) -> bytes | None:
            message = await _received(messages, patience)
            if len(message) > self._most_bytes:
                raise AppError(ErrorCode.PAYLOAD_TOO_LARGE)
            request = decoded(message, rpc.request)
            refuse(faults(request))
            return await inner(request, call)

        return read


def decoded(message: bytes, kind: type[Message]) -> Message:
    """The message of that kind; raises MALFORMED_REQUEST, in words of our own."""
    try:
        return kind.FromString(message)
    except DecodeError:
        text = f"The message is not a {kind.DESCRIPTOR.full_name}"
        raise AppError(ErrorCode.MALFORMED_REQUEST, text) from None


async def _received(messages: AsyncIterator[bytes], patience: float) -> bytes:
    """The message once it is there; raises DEADLINE_EXCEEDED for one that does not come."""
    try:
        async with asyncio.timeout(patience):
            return await anext(aiter(messages))
    except TimeoutError:
        raise AppError(ErrorCode.DEADLINE_EXCEEDED) from None
    except StopAsyncIteration:
        raise AppError(ErrorCode.MALFORMED_REQUEST, "The call has no message") from None


def faults(message: Message, within: str = "") -> list[FieldFault]:
    """What the contract has against a message; the paths of its fields begin with `within`."""
    _shorten(message)
    found = _validator.collect_violations(message)
    return [FieldFault(within + _path(it), it.proto.message) for it in found[:MOST_FAULTS]]


def refuse(faults: Sequence[FieldFault]) -> None:
    """Raise VALIDATION_ERROR where there are any."""
    if faults:
        raise AppError(ErrorCode.VALIDATION_ERROR, details=faults)


def _shorten(message: Message) -> None:
    """Leave of each list one item more than it may have: enough to refuse it for."""
    for field, value in message.ListFields():
        if field.is_repeated and (most := _most_items(field)):
            del value[most + 1 :]
        if field.message_type and not field.message_type.GetOptions().map_entry:
            for part in value if field.is_repeated else (value,):
                _shorten(part)


@cache
def _most_items(field: FieldDescriptor) -> int:
    """How many items the contract allows; 0 where it does not say."""
    rules = field.GetOptions().Extensions[validate_pb2.field]
    most: int = rules.repeated.max_items
    return most


def _path(violation: Violation) -> str:
    """Such as `order.lines[0].quantity`."""
    field = violation.proto.field
    return ".".join(_steps(field.elements)) if field else ""


def _steps(elements: Sequence[FieldPathElementPb]) -> Iterator[str]:
    for element in elements:
        index = element.subscript
        yield f"{element.field_name}[{index.value}]" if index else element.field_name
