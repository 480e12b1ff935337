"""When keys were last used: written behind the requests, which it never slows or fails."""

import asyncio
import contextlib
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from app.auth.api_key import ApiKey
from app.auth.store import ApiKeys
from app.db import Database
from app.errors import AppError

INTERVAL = timedelta(minutes=1)
_FLUSH_SECONDS = 5
_MOST = 1000

log = structlog.get_logger(__name__)


class LastUsed:
    """Gathers uses and writes them every few seconds, each key's once a minute at most.

    What cannot be written is dropped: the next use of the key says it again.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._uses: dict[UUID, datetime] = {}
        self._writer: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Write from now on what is noted."""
        self._writer = asyncio.create_task(self._keep_writing())

    async def aclose(self) -> None:
        """Write the rest."""
        if self._writer is not None:
            self._writer.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._writer
        with contextlib.suppress(AppError):
            await self.flush()

    def note(self, key: ApiKey, now: datetime) -> None:
        """Remember a use, unless that of a minute ago is known already."""
        known = key.last_used_at is not None and now - key.last_used_at < INTERVAL
        if not known and len(self._uses) < _MOST:
            self._uses[key.id] = now

    async def flush(self) -> None:
        """Write what was noted until now."""
        uses, self._uses = self._uses, {}
        if uses:
            async with self._database.unit_of_work() as work:
                await ApiKeys(work).note_uses(uses, INTERVAL)

    async def _keep_writing(self) -> None:
        failing = False
        while True:
            await asyncio.sleep(_FLUSH_SECONDS)
            try:
                await self.flush()
                failing = False
            except Exception as error:
                # Once for each outage. An AppError is one; anything else deserves its traceback.
                if not failing:
                    log.exception("last_used_not_written", exc_info=not isinstance(error, AppError))
                failing = True
