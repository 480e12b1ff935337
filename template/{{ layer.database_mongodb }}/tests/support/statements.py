"""Watching what is sent to the database."""

from collections.abc import Iterator
from contextlib import contextmanager
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


class _Recorder(monitoring.CommandListener):
    def __init__(self) -> None:
        self.noting: list[list[Sent]] = []

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        if event.command_name not in _ASIDE:
            command = {
                name: value
                for name, value in event.command.items()
                if name not in _OF_THE_SESSION and not name.startswith("$")
            }
            for sent in self.noting:
                sent.append(Sent(event.command_name, command))

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None: ...

    def failed(self, event: monitoring.CommandFailedEvent) -> None: ...


_recorder = _Recorder()
# Of clients that are made later, so of all that tests make.
monitoring.register(_recorder)


@contextmanager
def sent_statements() -> Iterator[list[Sent]]:
    """The commands that units of work send meanwhile."""
    sent = list[Sent]()
    _recorder.noting.append(sent)
    try:
        yield sent
    finally:
        _recorder.noting.remove(sent)
