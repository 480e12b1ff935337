"""The generic cell rate algorithm: a token bucket that keeps one number for each key.

The number is the time at which the bucket will be full again; an absent or past one is a full
bucket. `Cache.consume` has the same arithmetic in Redis. Times are whole microseconds.
"""

import re
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Self

_UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
_LIMIT = re.compile(r"(\d{1,9})/(second|minute|hour|day)(?: burst (\d{1,9}))?")
_MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True)
class Limit:
    """`requests` in `seconds` in the long run, and at most `burst` at once.

    `interval` is the time in which one request is earned back, `window` the time in which a
    whole burst is; both in microseconds.
    """

    requests: int
    seconds: int
    burst: int
    interval: int = field(init=False)
    window: int = field(init=False)

    def __post_init__(self) -> None:
        if min(self.requests, self.seconds, self.burst) < 1:
            raise ValueError("a limit must allow at least one request")
        interval = max(1, round(self.seconds * _MICROSECONDS / self.requests))
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
    """What to take from one bucket; a cost above the burst takes the whole burst."""

    key: str
    limit: Limit
    cost: int = 1

    @property
    def take(self) -> int:
        return self.limit.interval * min(self.cost, self.limit.burst)


class Consumption(NamedTuple):
    """What one bucket answered; times in seconds.

    `reset_after` is until the bucket is full; `retry_after` until it allows the request, 0 where
    it does so now.
    """

    remaining: int
    reset_after: float
    retry_after: float

    @property
    def allowed(self) -> bool:
        return self.retry_after == 0


def consumptions(
    rules: Sequence[Rule], waits: Sequence[int], debts: Sequence[int]
) -> tuple[Consumption, ...]:
    """From the time until each bucket allows the request, and the time until it is full."""
    answers = [
        Consumption(
            (limit.window - debt) // limit.interval,
            debt / _MICROSECONDS,
            wait / _MICROSECONDS if wait > 0 else 0.0,
        )
        for (_, limit, _), wait, debt in zip(rules, waits, debts, strict=True)
    ]
    return tuple(answers)


def _now() -> int:
    return time.monotonic_ns() // 1000


class GcraStore:
    """Buckets of one process; beyond `max_keys` the least recently used are forgotten.

    Nothing here awaits, so coroutines cannot interleave within `consume`. Not thread-safe.
    """

    def __init__(self, max_keys: int, clock: Callable[[], int] = _now) -> None:
        self._full_at: OrderedDict[str, int] = OrderedDict()
        self._max_keys = max_keys
        self._clock = clock

    def __len__(self) -> int:
        return len(self._full_at)

    def consume(self, rules: Sequence[Rule]) -> tuple[Consumption, ...]:
        """Take from every bucket, or from none where one of them refuses."""
        now = self._clock()
        debts = [
            min(max(self._full_at.get(key, 0) - now, 0), limit.window) for key, limit, _ in rules
        ]
        takes = [rule.take for rule in rules]
        waits = [
            debt + take - rule.limit.window
            for rule, debt, take in zip(rules, debts, takes, strict=True)
        ]
        if max(waits) <= 0:
            debts = [debt + take for debt, take in zip(debts, takes, strict=True)]
            for rule, debt in zip(rules, debts, strict=True):
                self._full_at[rule.key] = now + debt
                self._full_at.move_to_end(rule.key)
            while len(self._full_at) > self._max_keys:
                self._full_at.popitem(last=False)
        return consumptions(rules, waits, debts)
