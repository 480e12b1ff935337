"""What every call passes before its method, outermost first."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, Protocol, TypeAlias

import grpc
from google.protobuf.message import Message

from app.auth.access import access_to
from app.bootstrap import Service
from app.transport.calls import HEALTH, Behaviour, Call, Rpc, ServicerContext
from app.transport.interceptors.deadlines import DeadlineInterceptor
from app.transport.interceptors.identity import AccessInterceptor, IdentityInterceptor
from app.transport.interceptors.limits import HealthWatchInterceptor, InFlightInterceptor
from app.transport.interceptors.messages import MessageInterceptor
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
    messages = MessageInterceptor(settings.grpc_max_message_bytes)
    return CallInterceptor(
        stack=[
            observation,
            InFlightInterceptor(settings.grpc_max_in_flight, settings.grpc_max_streams),
            DeadlineInterceptor(settings.grpc_timeout_seconds, settings.grpc_max_timeout_seconds),
            IdentityInterceptor(service.auth.authenticator, service.rate_limiter),
            AccessInterceptor(),
            streams,
            messages,
        ],
        health=[observation, HealthWatchInterceptor(), streams, messages],
    )


class CallInterceptor(grpc.aio.ServerInterceptor):
    """Puts the interceptors around a method when it is first called."""

    def __init__(self, stack: Sequence[Interceptor], health: Sequence[Interceptor]) -> None:
        self._stack = stack
        self._health = health
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
            if handler is None or handler.request_streaming:
                # The server answers for itself; of those with a stream of requests there is only
                # reflection, which reads no more than the contract.
                refused_calls.labels("unknown_method").inc(handler is None)
                return handler
            wrapped = self._handlers[path] = self._wrapped(path.removeprefix("/"), handler)
        return wrapped

    def _wrapped(self, name: str, handler: Handler) -> Handler:
        method: Callable[..., Any] | None = handler.unary_stream or handler.unary_unary
        assert method is not None
        decode = handler.request_deserializer
        request: type[Message] = getattr(decode, "__self__")  # noqa: B009
        rpc = Rpc(name, access_to(method), bool(handler.response_streaming), request)
        encode = handler.response_serializer
        assert encode is not None
        behaviour = (_streamed if rpc.streams else _answered)(method, encode)
        for interceptor in reversed(self._health if name.startswith(HEALTH) else self._stack):
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
