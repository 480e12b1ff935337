"""One transaction, as stores see it."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pymongo
import structlog
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from app.db.client import Document
from app.db.collection import Collection
from app.db.failures import is_lost_transaction, is_timeout, is_write_conflict
from app.db.tracing import command_span
from app.errors import AppError, ErrorCode

T = TypeVar("T")
Session = AsyncClientSession
Act = Callable[[Session | None], Awaitable[T]]

_SHORTEST_PAUSE = 0.002
_LONGEST_PAUSE = 0.05
_COMMIT_PAUSE = 0.05
log = structlog.get_logger()


class UnitOfWork:
    """One transaction in one session, or statements that each stand alone where there is none.

    Stores take it and never commit. Made by `Database` only, which commits it.
    """

    def __init__(
        self, database: AsyncDatabase[Document], session: Session | None, seconds: float
    ) -> None:
        self.database = database
        self.session = session
        self._seconds = seconds
        self._written = False
        self._failed = False
        self._preludes: list[Callable[[], Awaitable[None]]] = []
        self._after_commit: list[Callable[[], Awaitable[None]]] = []

    def collection(self, name: str) -> Collection:
        """A collection, whose methods belong to the transaction.

        For what they cannot do: `work.database[name]`, always with `session=work.session`.
        """
        return Collection(self, name)

    async def begin(self) -> None:
        """For `Database`: start the transaction, of which the server learns by its first command.

        Everything in it sees the database as it was then.
        """
        if self.session is not None:
            await self.session.start_transaction(ReadConcern("snapshot"), WriteConcern("majority"))

    async def prelude(self, act: Callable[[], Awaitable[None]]) -> None:
        """Begin with writes that do not count as the first one, which still waits for others.

        Where the transaction begins anew, they are made again; `act` raises if that cannot be.
        """
        written = self._written
        await act()
        self._written = written
        self._preludes.append(act)

    async def read(self, operation: str, collection: str, act: Act[T]) -> T:
        """For `Collection`: run what writes nothing."""
        return await self.write(operation, collection, act, lambda _: False)

    async def write(
        self,
        operation: str,
        collection: str,
        act: Act[T],
        changed: Callable[[T], object],
        *,
        waits: bool = True,
    ) -> T:
        """For `Collection`: run what may write; `changed` tells by its result whether it has.

        Where another transaction has the document, MongoDB lets a transaction fail and never wait.
        As long as nothing has been written, that is made up for: the transaction begins anew, and
        with it this one command, until the other has ended. So the first write waits as it would
        in an SQL database, and then meets what the other has left, or is told DEADLINE_EXCEEDED;
        later ones are told CONFLICT. In the same way a connection is replaced that turns out to
        have ended.
        """
        limit = asyncio.get_running_loop().time() + self._seconds
        pause = _SHORTEST_PAUSE
        while True:
            with command_span(operation, self.database.name, collection):
                try:
                    done = await _cancellable(act(self.session))
                    self._written = self._written or bool(changed(done))
                    return done
                except PyMongoError as error:
                    late = asyncio.get_running_loop().time() + pause > limit
                    busy = waits and is_write_conflict(error)
                    repeatable = self.session is not None and not self._written
                    if late or not repeatable or not (busy or is_lost_transaction(error)):
                        self._failed = True
                        if busy and repeatable:
                            raise AppError(ErrorCode.DEADLINE_EXCEEDED) from error
                        raise
            await asyncio.sleep(pause * random.uniform(0.5, 1))  # noqa: S311
            await self._begin_anew()
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def _begin_anew(self) -> None:
        assert self.session is not None
        await self.session.abort_transaction()
        await self.begin()
        # To begin anew within a prelude would run it twice.
        self._written = True
        for act in self._preludes:
            await act()
        self._written = False

    async def commit(self) -> None:
        """For `Database`: commit, and be sure of it as far as the time of a statement allows.

        Where the answer was lost, the commit is sent again, which the server takes for the same
        one. What is still unknown in the end is told as an error, although it may have happened.
        """
        if self.session is None:
            return None
        if self._failed:
            raise RuntimeError("a statement of the unit of work failed, and its error was ignored")
        with command_span("commitTransaction", self.database.name), pymongo.timeout(self._seconds):
            while True:
                try:
                    return await self.session.commit_transaction()
                except PyMongoError as error:
                    if not error.has_error_label("UnknownTransactionCommitResult"):
                        raise
                    if is_timeout(error) or error.timeout:
                        log.warning("commit_unknown", error=type(error).__name__)
                        raise
                await asyncio.sleep(_COMMIT_PAUSE)

    def after_commit(self, callback: Callable[[], Awaitable[None]]) -> None:
        """Run the callback once the transaction is committed.

        What it raises is logged and goes no further: the commit has happened.
        """
        self._after_commit.append(callback)

    async def committed(self) -> None:
        """For `Database`: run the callbacks."""
        for callback in self._after_commit:
            try:
                await callback()
            except Exception:
                log.exception("after_commit_failed")


async def _cancellable(command: Awaitable[T]) -> T:
    """What the command returns, unless the task was cancelled meanwhile.

    The driver awaits by `asyncio.wait_for`, which in Python 3.11 may swallow a cancellation.
    """
    task = asyncio.current_task()
    assert task is not None
    before = task.cancelling()
    done = await command
    if task.cancelling() > before:
        raise asyncio.CancelledError
    return done
