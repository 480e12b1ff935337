"""The generic cell rate algorithm: a token bucket that keeps one number for each key.

The number is the theoretical arrival time, at which the bucket is full again. `Cache.consume`
applies the same arithmetic, in Redis or in process. Times are whole microseconds.
"""

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Self

_UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
_LIMIT = re.compile(r"(\d{1,9})/(second|minute|hour|day)(?: burst (\d{1,9}))?")


@dataclass(frozen=True, slots=True)
class Limit:
    """`requests` in `seconds` in the long run, and at most `burst` at once.

    `interval` is the time in which one request is earned back, `window` the time in which a
    used-up burst is; both in microseconds.
    """

    requests: int
    seconds: int
    burst: int
    interval: int = field(init=False)
    window: int = field(init=False)

    def __post_init__(self) -> None:
        if min(self.requests, self.seconds, self.burst) < 1:
            raise ValueError("a limit must allow at least one request")
        interval = max(1, round(self.seconds * 1_000_000 / self.requests))
        object.__setattr__(self, "interval", interval)
        object.__setattr__(self, "window", interval * self.burst)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `600/minute` or `600/minute burst 50`; without a burst it is the whole quota."""
        match = _LIMIT.fullmatch(text.strip())
        if match is None:
            raise ValueError("write a limit as 600/minute or 600/minute burst 50")
        requests, unit, burst = match.groups()
        return cls(int(requests), _UNITS[unit], int(burst or requests))


class Rule(NamedTuple):
    """What to take from one bucket."""

    key: str
    limit: Limit
    cost: int = 1


class Consumption(NamedTuple):
    """What one rule answered; times in seconds.

    `retry_after` is 0 where the rule allows the request. A cost above the burst is never
    allowed: it answers as if the whole burst had been asked for.
    """

    allowed: bool
    remaining: int
    reset_after: float
    retry_after: float


def _now() -> int:
    return time.monotonic_ns() // 1000


class GcraStore:
    """Buckets of one process, of which the least recently used are forgotten at `max_keys`.

    Nothing here awaits, so that coroutines cannot interleave within `consume`.
    """

    def __init__(self, max_keys: int, clock: Callable[[], int] = _now) -> None:
        self._full_at: dict[str, int] = {}
        self._max_keys = max_keys
        self._clock = clock

    def __len__(self) -> int:
        return len(self._full_at)

    def consume(self, rules: Sequence[Rule]) -> tuple[Consumption, ...]:
        """Take from every bucket, or from none where one of them refuses."""
        now = self._clock()
        full_at = self._full_at
        taken = []
        for key, limit, cost in rules:
            start = max(now, full_at.get(key, 0))
            end = start + limit.interval * cost
            wait = min(end, start + limit.window) - limit.window - now
            ...
        raise NotImplementedError
