"""The worker as a process: signals, health and metrics."""

import asyncio
import os
import signal

import structlog

from app.bootstrap import Service, build_service
from app.http.operations import operations_app
from app.http.server import serving
from app.platform import telemetry
from app.platform.logging import configure_logging
from app.queue.worker import Worker
from app.settings import Settings

log = structlog.get_logger()


def run_worker(settings: Settings) -> None:
    """Work until SIGTERM or SIGINT and until the messages in progress are handled.

    A second signal ends the process on the spot; what it was doing is done again elsewhere.
    """
    configure_logging(settings.log, settings.runtime.app_env)
    telemetry.configure_tracing(settings.telemetry)
    try:
        asyncio.run(_work(build_service(settings)))
    finally:
        telemetry.shutdown()


async def _work(service: Service) -> None:
    stop = asyncio.Event()

    def on_signal(number: signal.Signals) -> None:
        if stop.is_set():
            log.warning("stopping at once", signal=number.name)
            os._exit(128 + number)
        log.info("draining", signal=number.name)
        service.health.draining = True
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, on_signal, number)
    # A worker can do nothing without the broker. It stays alive, and goes on when that is back.
    service.health.require("queue")
    settings = service.settings
    side_port = serving(operations_app(service), settings.http, production=settings.production)
    async with side_port, service.running():
        await Worker(service.queue).run(stop)
