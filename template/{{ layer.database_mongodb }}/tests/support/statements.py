"""Watching what is sent to the database."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple

from pymongo import monitoring

# What a transaction and the driver send besides what stores ask for.
_ASIDE = {"abortTransaction", "commitTransaction", "endSessions", "hello", "ping", "saslContinue"}
_OF_THE_SESSION = {"autocommit", "lsid", "maxTimeMS", "readConcern", "startTransaction"}
_OF_THE_SESSION |= {"txnNumber", "writeConcern"}


class Sent(NamedTuple):
    """One command, without what it has from its session."""

    name: str
    command: dict[str, Any]

    @property
    def collection(self) -> str:
        return str(self.command[self.name])


# What runs in the background has a context of its own, and so is not noted.
_noted = ContextVar[list[Sent] | None]("noted", default=None)


class _Recorder(monitoring.CommandListener):
    def started(self, event: monitoring.CommandStartedEvent) -> None:
        noted = _noted.get()
        if noted is not None and event.command_name not in _ASIDE:
            command = {
                name: value
                for name, value in event.command.items()
                if name not in _OF_THE_SESSION and not name.startswith("$")
            }
            noted.append(Sent(event.command_name, command))

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None: ...

    def failed(self, event: monitoring.CommandFailedEvent) -> None: ...


# Of clients that are made later, so of all that tests make.
monitoring.register(_Recorder())


@contextmanager
def sent_statements() -> Iterator[list[Sent]]:
    """The commands that units of work of the caller send meanwhile."""
    sent = list[Sent]()
    token = _noted.set(sent)
    try:
        yield sent
    finally:
        _noted.reset(token)
