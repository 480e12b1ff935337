"""The families of tokens that have been revoked while some of their access tokens may live."""

import asyncio
import contextlib
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import structlog

from app.auth.store import TokenFamilies
from app.auth.tokens import LEEWAY
from app.cache import Cache
from app.db import Database
from app.errors import AppError

_POLL_SECONDS = 2
_COMPLETE = "auth:revoked"
_COMPLETE_SECONDS = 7 * 24 * 3600

log = structlog.get_logger(__name__)


class Revocations:
    """The deny list, in the cache, of which the database has the original.

    A mark in the cache says that the list is complete. Where the mark is missing, since the cache
    is new or has lost its data, the list is read from the database before any token is accepted.
    """

    def __init__(self, database: Database, cache: Cache, token_lifetime: float) -> None:
        self._database = database
        self._cache = cache
        self._lifetime = token_lifetime + 2 * LEEWAY
        self._loading: asyncio.Task[None] | None = None
        self._poller: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Take up, from now on, what other processes revoke, such as a command at a terminal."""
        self._poller = asyncio.create_task(self._poll())

    async def aclose(self) -> None:
        """End the background work."""
        if self._poller is not None:
            self._poller.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._poller

    async def add(self, families: Iterable[UUID]) -> None:
        """Refuse the access tokens of the families from now on."""
        await asyncio.gather(*(self._cache.set(_key(f), b"1", self._lifetime) for f in families))

    async def contain(self, family: str) -> bool:
        """Whether the family is revoked; raises `AppError(DEPENDENCY_UNAVAILABLE)` if unknown."""
        complete, revoked = await self._cache.get_many((_COMPLETE, _key(family)))
        if complete is None:
            # One task for all requests that wait, so that they fail together when it fails.
            if self._loading is None or self._loading.done():
                self._loading = asyncio.create_task(self._complete())
            await asyncio.shield(self._loading)
            revoked = await self._cache.get(_key(family))
        return revoked is not None

    async def _complete(self) -> None:
        await self._load(self._lifetime)
        await self._cache.set(_COMPLETE, b"1", _COMPLETE_SECONDS)

    async def _load(self, seconds: float) -> None:
        since = datetime.now(UTC) - timedelta(seconds=seconds)
        async with self._database.unit_of_work(read_only=True) as work:
            families = await TokenFamilies(work).revoked_since(since)
        await self.add(families)

    async def _poll(self) -> None:
        failing = False
        while True:
            try:
                await self._load(_POLL_SECONDS + 2 * LEEWAY)
                failing = False
            except Exception as error:
                # Once for each outage. An AppError is one; anything else deserves its traceback.
                if not failing:
                    log.exception("revocations_not_read", exc_info=not isinstance(error, AppError))
                failing = True
            await asyncio.sleep(_POLL_SECONDS)


def _key(family: UUID | str) -> str:
    return f"auth:revoked:{family}"
