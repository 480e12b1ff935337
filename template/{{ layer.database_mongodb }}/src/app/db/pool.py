"""How full the pool of connections is, which the driver tells by events."""

from dataclasses import dataclass

from pymongo import monitoring


@dataclass(frozen=True, slots=True)
class PoolStatus:
    """How many connections are in use, open and idle, and allowed."""

    used: int
    idle: int
    maximum: int


class PoolCounter(monitoring.ConnectionPoolListener):
    """Counts connections; a transaction has one only while a statement of it runs."""

    def __init__(self, maximum: int) -> None:
        self._maximum = maximum
        self._open = 0
        self._used = 0

    def status(self) -> PoolStatus:
        return PoolStatus(self._used, max(0, self._open - self._used), self._maximum)

    def connection_created(self, _event: monitoring.ConnectionCreatedEvent) -> None:
        self._open += 1

    def connection_closed(self, _event: monitoring.ConnectionClosedEvent) -> None:
        self._open -= 1

    def connection_checked_out(self, _event: monitoring.ConnectionCheckedOutEvent) -> None:
        self._used += 1

    def connection_checked_in(self, _event: monitoring.ConnectionCheckedInEvent) -> None:
        self._used -= 1

    def connection_ready(self, event: monitoring.ConnectionReadyEvent) -> None: ...

    def connection_check_out_started(
        self, event: monitoring.ConnectionCheckOutStartedEvent
    ) -> None: ...

    def connection_check_out_failed(
        self, event: monitoring.ConnectionCheckOutFailedEvent
    ) -> None: ...

    def pool_created(self, event: monitoring.PoolCreatedEvent) -> None: ...

    def pool_ready(self, event: monitoring.PoolReadyEvent) -> None: ...

    def pool_cleared(self, event: monitoring.PoolClearedEvent) -> None: ...

    def pool_closed(self, event: monitoring.PoolClosedEvent) -> None: ...
