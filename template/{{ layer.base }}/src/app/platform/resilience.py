"""What keeps a failing destination from taking this service down with it.

One event loop owns each of these objects; none of them needs a lock.
"""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from enum import Enum

from app.platform import metrics


class CircuitState(Enum):
    """The values are those of the metric."""

    CLOSED = 0
    HALF_OPEN = 1
    OPEN = 2


class CircuitOpenError(Exception):
    """The call was not made: the destination has failed lately, or is being probed."""


class BulkheadFullError(Exception):
    """The call was not made: too many to the destination are under way."""


class CircuitBreaker:
    """Stops calls after `failures` failures in a row; `reset` seconds later, one call may probe.

    The caller says how each call ended with `succeeded` or `failed`. A call that ends with
    neither, because it was cancelled or never left, counts for nothing and frees the probe.
    """

    def __init__(
        self,
        name: str,
        failures: int,
        reset: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = name
        self._limit = failures
        self._reset = reset
        self._clock = clock
        self._failures = 0
        self._opened_at = 0.0
        self._state = CircuitState.CLOSED
        metrics.circuit_breaker_state.labels(name).set(self._state.value)

    @property
    def state(self) -> CircuitState:
        return self._state

    @asynccontextmanager
    async def call(self) -> AsyncIterator["CallOutcome"]:
        """One call; raises CircuitOpenError instead of making it."""
        probing = self._state is CircuitState.OPEN
        if probing and self._clock() - self._opened_at < self._reset:
            raise CircuitOpenError(self._name)
        if self._state is CircuitState.HALF_OPEN:
            raise CircuitOpenError(self._name)
        if probing:
            self._become(CircuitState.HALF_OPEN)
        outcome = CallOutcome()
        try:
            yield outcome
        finally:
            self._record(outcome, probing)

    def _record(self, outcome: "CallOutcome", probing: bool) -> None:
        if not probing and self._state is not CircuitState.CLOSED:
            return  # The call began before the breaker opened and says nothing of the present.
        if outcome.success is None:
            if probing:
                self._become(CircuitState.OPEN)
        elif outcome.success:
            self._failures = 0
            self._become(CircuitState.CLOSED)
        else:
            self._failures += 1
            if probing or self._failures >= self._limit:
                self._opened_at = self._clock()
                self._become(CircuitState.OPEN)

    def _become(self, state: CircuitState) -> None:
        if state is not self._state:
            self._state = state
            metrics.circuit_breaker_state.labels(self._name).set(state.value)
            metrics.circuit_breaker_transitions.labels(self._name, state.name.lower()).inc()


class CallOutcome:
    """How a call ended; neutral until something is known."""

    success: bool | None = None

    def succeeded(self) -> None:
        self.success = True

    def failed(self) -> None:
        self.success = False


class Bulkhead:
    """At most `limit` calls at once; others wait up to `max_wait` seconds for a place."""

    def __init__(self, name: str, limit: int, max_wait: float) -> None:
        self._name = name
        self._places = asyncio.Semaphore(limit)
        self._max_wait = max_wait
        metrics.bulkhead_in_flight.labels(name).set(0)

    @asynccontextmanager
    async def place(self, max_wait: float = math.inf) -> AsyncIterator[None]:
        """Hold a place; raises BulkheadFullError when none becomes free in time."""
        try:
            async with asyncio.timeout(min(self._max_wait, max_wait)):
                await self._places.acquire()
        except TimeoutError:
            metrics.bulkhead_refused.labels(self._name).inc()
            raise BulkheadFullError(self._name) from None
        in_flight = metrics.bulkhead_in_flight.labels(self._name)
        in_flight.inc()
        try:
            yield
        finally:
            in_flight.dec()
            self._places.release()


class RetryBudget:
    """Lets retries be a fraction of the calls, so that they cannot multiply an overload.

    Every call adds `ratio` of a retry, up to `capacity`, with which it also starts.
    """

    def __init__(self, capacity: float = 10.0, ratio: float = 0.2) -> None:
        self._capacity = capacity
        self._ratio = ratio
        self._tokens = capacity

    def called(self) -> None:
        self._tokens = min(self._capacity, self._tokens + self._ratio)

    def take(self) -> bool:
        """Take one retry; False when the budget has none left."""
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
