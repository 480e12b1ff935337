"""How commands reach the server: in shared round trips, and not at all while it is away."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import structlog
from opentelemetry.trace import SpanKind
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError

from app.cache.settings import CacheSettings
from app.errors import AppError, ErrorCode
from app.platform.telemetry import span

_MOST_IN_ONE_TRIP = 500
_PROBE_INTERVAL_SECONDS = 0.25

_Command = tuple[str | bytes | int, ...]
_Waiting = tuple[_Command, asyncio.Future[Any]]

_log = structlog.get_logger(__name__)


class Commands:
    """Sends commands that wait at the same time as one pipeline.

    A command alone costs redis-py three times the CPU that one of many in a pipeline does. A
    server that is lost, or silent for `CACHE_TIMEOUT_SECONDS`, fails every command at once until
    a probe in the background finds it again, so that not each request waits for the timeout.
    """

    def __init__(self, settings: CacheSettings) -> None:
        self._timeout = settings.cache_timeout_seconds
        self._redis = Redis.from_pool(
            BlockingConnectionPool.from_url(
                settings.redis_url.get_secret_value(),
                max_connections=settings.cache_max_connections,
                socket_timeout=self._timeout,
                socket_connect_timeout=self._timeout,
                retry=Retry(NoBackoff(), 0),
            )
        )
        self._waiting: list[_Waiting] = []
        self._idle_senders = settings.cache_max_connections
        self._tasks: set[asyncio.Task[None]] = set()
        self._away = False

    async def execute(self, name: str, *arguments: str | bytes | int) -> Any:
        """The reply; raises `AppError(DEPENDENCY_UNAVAILABLE)`, or `NoScriptError`."""
        attributes = {"db.system.name": "redis", "db.operation.name": name}
        with span(name, kind=SpanKind.CLIENT, attributes=attributes):
            return await self._reply((name, *arguments))

    async def aclose(self) -> None:
        """Close the connections; commands that wait fail."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._redis.aclose()

    async def _reply(self, command: _Command) -> Any:
        if self._away:
            raise AppError(ErrorCode.DEPENDENCY_UNAVAILABLE)
        reply = asyncio.get_running_loop().create_future()
        self._waiting.append((command, reply))
        if self._idle_senders:
            self._idle_senders -= 1
            self._start(self._send())
        try:
            return await reply
        except NoScriptError:
            raise
        except (RedisError, OSError) as error:
            raise AppError(ErrorCode.DEPENDENCY_UNAVAILABLE) from error

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _send(self) -> None:
        batch: list[_Waiting] = []
        try:
            while self._waiting:
                batch = self._waiting[:_MOST_IN_ONE_TRIP]
                del self._waiting[:_MOST_IN_ONE_TRIP]
                try:
                    replies = await self._round_trip(batch)
                except (RedisError, OSError) as error:
                    batch += self._waiting
                    self._waiting = []
                    replies = [error] * len(batch)
                    self._lose(error)
                for (_, reply), result in zip(batch, replies, strict=True):
                    if reply.done():  # cancelled by its caller
                        continue
                    if isinstance(result, Exception):
                        reply.set_exception(result)
                    else:
                        reply.set_result(result)
        finally:
            self._idle_senders += 1
            for _, reply in batch:
                if not reply.done():
                    reply.set_exception(ConnectionError("the cache was closed"))

    async def _round_trip(self, batch: list[_Waiting]) -> list[Any]:
        async with asyncio.timeout(self._timeout):
            pipeline = self._redis.pipeline(transaction=False)
            for command, _ in batch:
                pipeline.execute_command(*command)
            replies: list[Any] = await pipeline.execute(raise_on_error=False)
            return replies

    def _lose(self, error: Exception) -> None:
        if not self._away:
            self._away = True
            _log.warning("cache_lost", error=type(error).__name__)
            self._start(self._recover())

    async def _recover(self) -> None:
        while self._away:
            try:
                async with asyncio.timeout(self._timeout):
                    await self._redis.ping()
            except (RedisError, OSError):
                await asyncio.sleep(_PROBE_INTERVAL_SECONDS)
            else:
                self._away = False
                _log.info("cache_found")
