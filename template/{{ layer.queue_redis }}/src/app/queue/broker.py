"""Redis or Valkey as the broker: one stream of message ids, read by one consumer group.

Entries count as acknowledged when they are read (NOACK). The outbox hands out again what was not
done, so that nothing stays in the group's list of pending entries and no consumer has to be
cleaned up after.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import structlog
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ResponseError

from app.queue.settings import QueueSettings

_GROUP = "workers"
_BACKLOG = 500
_TRIM = 10_000
_WAIT_SECONDS = 0.5
_TIMEOUT_SECONDS = 2.0
log = structlog.get_logger()


class Broker:
    """Hands the ids of due messages to workers; what it forgets, the outbox sends again."""

    def __init__(self, settings: QueueSettings) -> None:
        url = settings.broker_url.get_secret_value()
        self._stream = f"{settings.queue_name}:messages"
        self._redis = Redis.from_pool(
            BlockingConnectionPool.from_url(
                url,
                max_connections=4,
                timeout=_TIMEOUT_SECONDS,
                socket_connect_timeout=_TIMEOUT_SECONDS,
                socket_timeout=_TIMEOUT_SECONDS,
                retry=Retry(NoBackoff(), 0),
                decode_responses=True,
                protocol=2,
            )
        )

    async def room(self) -> int:
        """How many more ids the broker should be given: it is not to hold what nobody reads."""
        try:
            groups = await self._redis.xinfo_groups(self._stream)
        except ResponseError:  # There is no stream yet.
            return _BACKLOG
        unread = next((group["lag"] for group in groups if group["name"] == _GROUP), 0)
        return max(0, _BACKLOG - (unread or 0))

    async def publish(self, message_ids: Sequence[UUID]) -> None:
        """Hand out the ids, each to one worker."""
        async with self._redis.pipeline(transaction=False) as pipeline:
            for message_id in message_ids:
                pipeline.xadd(self._stream, {"id": str(message_id)}, maxlen=_TRIM, approximate=True)
            await pipeline.execute()

    async def receive(self, limit: int) -> list[UUID]:
        """At most `limit` ids, after half a second at most; nobody else is given them."""
        try:
            answer: Any = await self._redis.xreadgroup(
                _GROUP,
                "worker",
                {self._stream: ">"},
                count=limit,
                block=int(_WAIT_SECONDS * 1000),
                noack=True,
            )
        except ResponseError as error:
            if not str(error).startswith(("NOGROUP", "UNBLOCKED")):
                raise
            await self._create_group()
            return []
        entries = answer[0][1] if answer else []
        return [message_id for _, fields in entries if (message_id := _message_id(fields))]

    async def ping(self) -> None:
        """Raise unless the broker answers."""
        await self._redis.ping()

    async def aclose(self) -> None:
        """Close every connection."""
        await self._redis.aclose()

    async def _create_group(self) -> None:
        try:
            await self._redis.xgroup_create(self._stream, _GROUP, id="0", mkstream=True)
        except ResponseError as error:
            if not str(error).startswith("BUSYGROUP"):
                raise


def _message_id(fields: Mapping[str, str]) -> UUID | None:
    try:
        return UUID(fields["id"])
    except (KeyError, ValueError):
        log.warning("queue entry is no message id", stream_fields=sorted(fields))
        return None
