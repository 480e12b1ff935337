"""Uvicorn, with the life cycle and the limits that a service in production needs.

One process serves: an orchestrator runs several containers rather than one with several workers,
so that metrics, limits and signals are those of a process.
"""

import asyncio
import gc
import os
import signal
import socket
from collections.abc import AsyncIterator, Generator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

import structlog
import uvicorn
from starlette.types import ASGIApp

from app.http.protocol import SecureServiceProtocol, ServiceProtocol
from app.http.settings import HttpSettings
from app.platform import telemetry
from app.platform.configuration import ConfigurationError
from app.platform.health import Health
from app.platform.metrics import event_loop_lag

log = structlog.get_logger()

_BACKLOG = 2048
_LAG_SAMPLE_SECONDS = 0.5
_TICKS_A_SWEEP = 10


class _Server(uvicorn.Server):
    """Leaves the signals alone, and closes connections that stall."""

    def __init__(self, config: uvicorn.Config, receive_timeout: float) -> None:
        super().__init__(config)
        self._receive_timeout = receive_timeout
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        # What exists now stays: without this, collecting garbage walks through all of it again.
        gc.collect()
        gc.freeze()
        addresses = [
            "{}:{}".format(*listener.getsockname()[:2])
            for server in self.servers
            for listener in server.sockets
        ]
        log.info("listening", addresses=addresses)
        self.listening.set()

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield

    async def on_tick(self, counter: int) -> bool:
        if counter % _TICKS_A_SWEEP == 0:
            now = asyncio.get_running_loop().time()
            for connection in list(self.server_state.connections):
                if hasattr(connection, "close_if_stalled"):
                    connection.close_if_stalled(now, self._receive_timeout)
        return await super().on_tick(counter)


def run_server(
    app: ASGIApp,
    settings: HttpSettings,
    *,
    health: Health,
    production: bool = False,
    **options: Any,
) -> None:
    """Serve until SIGTERM or SIGINT; returns once the application has shut down.

    The first signal makes the service not ready at once; after the drain delay no connection is
    taken any more, requests in progress get the grace period, then they are cancelled, and the
    application's lifespan ends. A second signal ends the process on the spot.

    `options` of uvicorn replace those set here. Raises `ConfigurationError` where it cannot listen.
    """
    server = _server(app, settings, production=production, **options)
    listeners = _listen(settings)

    async def serve() -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop, number)
        async with _lag_sampled():
            await server.serve(listeners)

    def stop(number: signal.Signals) -> None:
        if health.draining:
            log.warning("stopping at once", signal=number.name)
            os._exit(128 + number)
        health.draining = True
        log.info("draining", signal=number.name)
        asyncio.get_running_loop().call_later(settings.http_drain_delay_seconds, end)

    def end() -> None:
        server.should_exit = True

    try:
        with asyncio.Runner(loop_factory=server.config.get_loop_factory()) as runner:
            runner.run(serve())
    finally:
        telemetry.shutdown()
    log.info("stopped")


@asynccontextmanager
async def serving(
    app: ASGIApp, settings: HttpSettings, *, production: bool = False
) -> AsyncIterator[None]:
    """Serve inside of a process that has a life of its own, such as the worker's.

    Raises `ConfigurationError` where it cannot listen.
    """
    server = _server(app, settings, production=production)
    listeners = _listen(settings)
    async with _lag_sampled():
        running = asyncio.create_task(server.serve(listeners))
        try:
            await server.listening.wait()
            yield
        finally:
            server.should_exit = True
            await running


def _listen(settings: HttpSettings) -> list[socket.socket]:
    host, port = settings.host, settings.port
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        return [
            socket.create_server(address[:2], family=family, backlog=_BACKLOG)
            for family, _, _, _, address in found
        ]
    except OSError as error:
        reason = str(error.strerror).partition(" (")[0]
        fault = f"PORT: cannot listen on {host}:{port}: {reason}"
        raise ConfigurationError([fault]) from None


def _server(app: ASGIApp, settings: HttpSettings, *, production: bool, **options: Any) -> _Server:
    chosen: dict[str, Any] = {
        "http": SecureServiceProtocol if production else ServiceProtocol,
        "ws": "none",
        "lifespan": "on",
        "log_config": None,
        "access_log": False,
        "proxy_headers": False,
        "server_header": False,
        "timeout_keep_alive": settings.http_keep_alive_seconds,
        "timeout_graceful_shutdown": settings.http_grace_period_seconds,
    }
    return _Server(uvicorn.Config(app, **chosen | options), settings.http_receive_timeout_seconds)


@asynccontextmanager
async def _lag_sampled() -> AsyncIterator[None]:
    async def sample() -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + _LAG_SAMPLE_SECONDS
            await asyncio.sleep(_LAG_SAMPLE_SECONDS)
            event_loop_lag.set(max(0.0, loop.time() - due))

    sampler = asyncio.create_task(sample())
    try:
        yield
    finally:
        sampler.cancel()
        with suppress(asyncio.CancelledError):
            await sampler
