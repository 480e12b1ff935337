"""Serving gRPC, with health and metrics over HTTP on a port beside it."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing

import grpc
import structlog
from grpc_reflection.v1alpha import reflection
from starlette.applications import Starlette

from app.auth import api as auth
from app.bootstrap import Service, build_service
from app.features.orders.watch import OrderWatch
from app.http.operations import operations_app
from app.http.server import run_server
from app.platform.configuration import ConfigurationError
from app.settings import Settings
from app.transport.interceptors import interceptors
from app.transport.interceptors.streams import StreamInterceptor
from app.transport.services import add_services
from app.transport.settings import TransportSettings
from app.transport.tls import server_credentials

log = structlog.get_logger()

# Calls beyond every limit of ours are refused before they cost anything.
_SPARE_CALLS = 300


def serve(settings: Settings) -> None:
    """Serve until a signal ends the process: as `run_server` says, and gRPC with it.

    Raises `ConfigurationError` where it cannot listen.
    """
    service = build_service(settings)
    address = _address(settings)
    credentials = None
    if settings.transport.tls_files is not None:
        credentials = server_credentials(settings.transport.tls_files)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with service.running(), _serving(service, address, credentials):
            yield

    app = operations_app(service, lifespan, auth.http_routes(service))
    run_server(app, settings.http, health=service.health, production=settings.production)


@asynccontextmanager
async def _serving(
    service: Service, address: str, credentials: grpc.ServerCredentials | None
) -> AsyncIterator[None]:
    """The gRPC server; at the end its streams end first, and calls in progress get their time."""
    settings = service.settings
    streams = StreamInterceptor(
        service.auth.authenticator,
        longest=settings.transport.grpc_max_stream_seconds,
        check_every=settings.transport.grpc_stream_check_seconds,
    )
    watch = OrderWatch(
        service.database,
        service.orders,
        settings.transport.grpc_max_streams,
        settings.transport.grpc_max_streams_per_principal,
    )
    server = grpc.aio.server(
        interceptors=[interceptors(service, streams)],
        options=_options(settings),
        # Twice: as many may be answered, and wait for their client to read.
        maximum_concurrent_rpcs=2 * settings.transport.grpc_max_in_flight
        + settings.transport.grpc_max_streams
        + _SPARE_CALLS,
    )
    names = add_services(server, service, watch)
    if _reflects(settings):
        reflection.enable_server_reflection((*names, reflection.SERVICE_NAME), server)
    if credentials is None:
        server.add_insecure_port(address)
    else:
        server.add_secure_port(address, credentials)
    async with watch.running():
        await server.start()
        log.info("listening", addresses=[address], protocol="grpc", tls=credentials is not None)
        try:
            yield
        finally:
            streams.stop()
            await server.stop(settings.http.http_grace_period_seconds)


def _address(settings: Settings) -> str:
    host, port = settings.http.host, settings.transport.grpc_port
    if port and port == settings.http.port:
        raise ConfigurationError(["GRPC_PORT: must not be PORT, which is for health and metrics"])
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        # Asked here, since gRPC only says that it failed.
        with closing(socket.socket(family)) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        reason = str(error.strerror).partition(" (")[0]
        fault = f"GRPC_PORT: cannot listen on {host}:{port}: {reason}"
        raise ConfigurationError([fault]) from None
    return f"[{host}]:{port}" if family is socket.AF_INET6 else f"{host}:{port}"


def _reflects(settings: Settings) -> bool:
    """Outside of production, unless set."""
    enabled = settings.transport.grpc_reflection
    return not settings.production if enabled is None else enabled


def _options(settings: Settings) -> list[tuple[str, int]]:
    """What gRPC's core limits by itself; see its `grpc_types.h`."""
    grpc_settings: TransportSettings = settings.transport
    milliseconds = {
        "grpc.keepalive_time_ms": grpc_settings.grpc_keepalive_seconds,
        "grpc.keepalive_timeout_ms": grpc_settings.grpc_keepalive_timeout_seconds,
        "grpc.http2.min_ping_interval_without_data_ms": grpc_settings.grpc_min_ping_seconds,
        "grpc.max_connection_idle_ms": grpc_settings.grpc_max_connection_idle_seconds,
        "grpc.max_connection_age_ms": grpc_settings.grpc_max_connection_age_seconds,
        "grpc.max_connection_age_grace_ms": grpc_settings.grpc_max_timeout_seconds,
    }
    return [
        *((name, round(seconds * 1000)) for name, seconds in milliseconds.items()),
        ("grpc.http2.max_ping_strikes", 2),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.max_concurrent_streams", grpc_settings.grpc_max_calls_per_connection),
        # Up to twice the limit a message is read, so that its refusal has a request id.
        ("grpc.max_receive_message_length", 2 * grpc_settings.grpc_max_message_bytes),
        # One page of the biggest orders fits in.
        ("grpc.max_send_message_length", 16 * grpc_settings.grpc_max_message_bytes),
        ("grpc.max_metadata_size", grpc_settings.grpc_max_metadata_bytes),
        ("grpc.absolute_max_metadata_size", grpc_settings.grpc_max_metadata_bytes),
        # A port that is taken is a fault, not another instance to share it with.
        ("grpc.so_reuseport", 0),
    ]
