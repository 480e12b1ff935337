"""What every call passes before its method, outermost first."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, Protocol, TypeAlias

import grpc
from google.protobuf.message import Message

from app.auth.access import PUBLIC, access_to
from app.bootstrap import Service
from app.transport.calls import HEALTH, Behaviour, Call, Rpc, ServicerContext
from app.transport.interceptors.deadlines import DeadlineInterceptor
from app.transport.interceptors.identity import AccessInterceptor, IdentityInterceptor
from app.transport.interceptors.limits import (
    InFlightInterceptor,
    PublicCallInterceptor,
    PublicStreamInterceptor,
    UnreadInterceptor,
)
from app.transport.interceptors.messages import MessageInterceptor, decoded
from app.transport.interceptors.observation import ObservationInterceptor
from app.transport.interceptors.streams import StreamInterceptor
from app.transport.metrics import refused_calls

Details = grpc.HandlerCallDetails
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
Found: TypeAlias = "Handler | None"
Encoder = Callable[[Any], bytes]


class Interceptor(Protocol):
    """One concern, around what is further in."""

    def wrap(self, inner: Behaviour, rpc: Rpc) -> Behaviour: ...


def interceptors(service: Service, streams: StreamInterceptor) -> "CallInterceptor":
    """The interceptors of any gRPC server of the service.

    The outermost knows the call: its request id, address, trace, metrics and log line, and it turns
    whatever is raised further in into a status.
    """
    settings = service.settings.transport
    observation = ObservationInterceptor(service.settings.http.trusted_proxies)
    unread = UnreadInterceptor(settings.grpc_max_in_flight)
    deadline = DeadlineInterceptor(settings.grpc_timeout_seconds, settings.grpc_max_timeout_seconds)
    messages = MessageInterceptor(settings.grpc_max_message_bytes)
    return CallInterceptor(
        stack=[
            observation,
            unread,
            InFlightInterceptor(settings.grpc_max_in_flight, settings.grpc_max_streams),
            deadline,
            IdentityInterceptor(service.auth.authenticator, service.rate_limiter),
            AccessInterceptor(),
            streams,
        ],
        public=[
            observation,
            unread,
            PublicCallInterceptor(),
            PublicStreamInterceptor(),
            deadline,
            streams,
        ],
        messages=messages,
    )


class CallInterceptor(grpc.aio.ServerInterceptor):
    """Puts the interceptors around a method when it is first called."""

    def __init__(
        self, stack: Sequence[Interceptor], public: Sequence[Interceptor], messages: Interceptor
    ) -> None:
        self._stack = [*stack, messages]
        self._health = [*public, messages]
        self._reflection = [*public]
        self._handlers: dict[str, Handler] = {}

    async def intercept_service(
        self,
        continuation: Callable[[Details], Awaitable[Found]],
        handler_call_details: Details,
    ) -> Found:
        path = handler_call_details.method
        wrapped = self._handlers.get(path)
        if wrapped is None:
            handler = await continuation(handler_call_details)
            if handler is None:
                # The server answers for itself.
                refused_calls.labels("unknown_method").inc()
                return None
            wrapped = self._handlers[path] = self._wrapped(path.removeprefix("/"), handler)
        return wrapped

    def _wrapped(self, name: str, handler: Handler) -> Handler:
        method: Callable[..., Any] | None = (
            handler.unary_unary or handler.unary_stream or handler.stream_stream
        )
        encode, decode = handler.response_serializer, handler.request_deserializer
        assert method is not None
        assert encode is not None
        request: type[Message] = getattr(decode, "__self__")  # noqa: B009
        stack = self._health if name.startswith(HEALTH) else self._stack
        if handler.request_streaming:
            # The contract has no such method, only reflection has.
            rpc, stack = Rpc(name, PUBLIC, True, request), self._reflection
            behaviour = _conversed(method, encode)
        else:
            rpc = Rpc(name, access_to(method), bool(handler.response_streaming), request)
            behaviour = (_streamed if rpc.streams else _answered)(method, encode)
        for interceptor in reversed(stack):
            behaviour = interceptor.wrap(behaviour, rpc)

        async def enter(messages: AsyncIterator[bytes], context: ServicerContext) -> bytes | None:
            metadata = context.invocation_metadata() or ()
            texts = {name: value for name, value in metadata if isinstance(value, str)}
            return await behaviour(messages, Call(rpc, context, texts))

        # As if there were a stream of requests: the message is awaited and decoded further in, so
        # that a caller without credentials learns nothing of it, and none that it never sends is
        # waited for without limits. The answer is encoded there, too, so that nobody reads why it
        # could not be.
        build = (
            grpc.stream_stream_rpc_method_handler
            if rpc.streams
            else grpc.stream_unary_rpc_method_handler
        )
        return build(enter, None, None)


def _answered(method: Callable[..., Any], encode: Encoder) -> Behaviour:
    async def behave(message: Message, call: Call) -> bytes | None:
        return encode(await method(message, call.context))

    return behave


def _streamed(method: Callable[..., Any], encode: Encoder) -> Behaviour:
    async def behave(message: Message, call: Call) -> None:
        async for answer in method(message, call.context):
            await call.context.write(encode(answer))

    return behave


def _conversed(method: Callable[..., Any], encode: Encoder) -> Behaviour:
    async def behave(messages: AsyncIterator[bytes], call: Call) -> None:
        requests = (decoded(message, call.rpc.request) async for message in messages)
        async for answer in method(requests, call.context):
            await call.context.write(encode(answer))

    return behave
