"""One transaction, and what is to happen when it has ended."""

from collections.abc import Awaitable, Callable

from sqlalchemy.ext.asyncio import AsyncConnection


class UnitOfWork:
    """One transaction on one connection; stores take it and never commit.

    Made by `Database.unit_of_work()` only, which commits it.
    """

    __slots__ = ("_after_commit", "_on_end", "connection")

    def __init__(self, connection: AsyncConnection) -> None:
        self.connection = connection
        self._after_commit: list[Callable[[], Awaitable[None]]] = []
        self._on_end: list[Callable[[], None]] = []

    def after_commit(self, callback: Callable[[], Awaitable[None]]) -> None:
        """Run the callback once the transaction is committed and its connection given back.

        What it raises is logged and goes no further: the commit has happened.
        """
        self._after_commit.append(callback)

    def on_end(self, callback: Callable[[], None]) -> None:
        """Call the callback as soon as the transaction is over, committed or not."""
        self._on_end.append(callback)
