"""How commands reach the server: in shared round trips, and not at all while it is away."""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any

import hiredis
import structlog
from opentelemetry.trace import SpanKind
from redis.asyncio import Connection
from redis.asyncio.connection import AbstractConnection, parse_url
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as ConnectionLostError
from redis.exceptions import NoScriptError, RedisError, ResponseError

from app.cache.settings import CacheSettings
from app.errors import AppError, ErrorCode
from app.platform.telemetry import span

_MOST_IN_ONE_TRIP = 500
_PROBE_INTERVAL_SECONDS = 0.25

_Command = tuple[Any, ...]
_Waiting = tuple[_Command, asyncio.Future[Any]]

_log = structlog.get_logger(__name__)


class Commands:
    """Sends the commands that wait at the same time together, over redis-py's connections.

    Its client and pool are left out, since they cost more than the rest: 60 µs of CPU a command
    come down to 20, and to 4 in a batch of many.

    A server that is lost, or silent for `CACHE_TIMEOUT_SECONDS`, fails every command at once until
    a probe in the background finds it again, so that not each request waits for the timeout.
    """

    def __init__(self, settings: CacheSettings) -> None:
        options: dict[str, Any] = {**parse_url(settings.redis_url.get_secret_value())}
        self._connection_class = options.pop("connection_class", Connection)
        # One timeout around a whole round trip is cheaper than one at each step of it.
        self._options = {**options, "socket_timeout": None, "retry": Retry(NoBackoff(), 0)}
        self._timeout = settings.cache_timeout_seconds
        self._free: list[AbstractConnection] = []
        self._waiting: list[_Waiting] = []
        self._idle_senders = settings.cache_max_connections
        self._tasks: set[asyncio.Task[None]] = set()
        self._away = False

    async def execute(self, name: str, *arguments: str | bytes | int) -> Any:
        """The reply; raises `AppError(DEPENDENCY_UNAVAILABLE)`, or `NoScriptError`."""
        attributes = {"db.system.name": "redis", "db.operation.name": name}
        with span(name, kind=SpanKind.CLIENT, attributes=attributes):
            if self._away:
                raise AppError(ErrorCode.DEPENDENCY_UNAVAILABLE)
            reply = asyncio.get_running_loop().create_future()
            self._waiting.append(((name, *arguments), reply))
            if self._idle_senders:
                self._idle_senders -= 1
                self._start(self._send())
            try:
                return await reply
            except NoScriptError:
                raise
            except (RedisError, OSError) as error:
                raise AppError(ErrorCode.DEPENDENCY_UNAVAILABLE) from error

    async def aclose(self) -> None:
        """Close the connections; commands that wait fail."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._disconnect()

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
                    replies = await self._round_trip([command for command, _ in batch])
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

    async def _round_trip(self, commands: Sequence[_Command]) -> list[Any]:
        async with asyncio.timeout(self._timeout):
            try:
                return await self._exchange(commands)
            except ConnectionLostError:
                # A server that was restarted, or that closes idle connections, has closed all.
                await self._disconnect()
                return await self._exchange(commands)

    async def _exchange(self, commands: Sequence[_Command]) -> list[Any]:
        connection = self._free.pop() if self._free else self._connection_class(**self._options)
        try:
            packed = [hiredis.pack_command(command) for command in commands]
            await connection.send_packed_command(packed, check_health=False)
            replies = [await _read(connection) for _ in commands]
        except BaseException:
            # What is still to come on it answers nobody.
            await connection.disconnect(nowait=True)
            raise
        self._free.append(connection)
        return replies

    async def _disconnect(self) -> None:
        free, self._free = self._free, []
        for connection in free:
            await connection.disconnect(nowait=True)

    def _lose(self, error: Exception) -> None:
        if not self._away:
            self._away = True
            _log.warning("cache_lost", error=type(error).__name__)
            self._start(self._recover())

    async def _recover(self) -> None:
        while self._away:
            try:
                await self._round_trip([("PING",)])
            except (RedisError, OSError):
                await asyncio.sleep(_PROBE_INTERVAL_SECONDS)
            else:
                self._away = False
                _log.info("cache_found")


async def _read(connection: AbstractConnection) -> Any:
    try:
        return await connection.read_response()
    except ResponseError as error:
        return error
