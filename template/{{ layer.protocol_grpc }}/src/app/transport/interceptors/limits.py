"""How many calls at once."""

import asyncio
from collections import Counter, deque
from functools import partial
from typing import Any

from app.errors import AppError, ErrorCode
from app.platform.rate_limit import address_key
from app.transport.calls import Behaviour, Call, Rpc
from app.transport.metrics import active_calls, refused_calls, unread_answers
from app.transport.peers import address_of

# Together fewer than the calls that the server takes beyond those that it lets through.
_MOST_PUBLIC_CALLS = 50
_MOST_PUBLIC_STREAMS = 100


class InFlightInterceptor:
    """Refuses what comes above the limit, which streams, that mostly wait, have for themselves."""

    def __init__(self, most_calls: int, most_streams: int) -> None:
        self._limits = {False: most_calls, True: most_streams}
        self._running = {False: 0, True: 0}
        active_calls.labels("call").set_function(lambda: self._running[False])
        active_calls.labels("stream").set_function(lambda: self._running[True])

    def wrap(self, inner: Behaviour, rpc: Rpc) -> Behaviour:
        kind = rpc.streams

        async def limit(message: Any, call: Call) -> bytes | None:
            if self._running[kind] >= self._limits[kind]:
                refused_calls.labels("in_flight").inc()
                raise AppError(ErrorCode.OVERLOADED, retry_after=1)
            self._running[kind] += 1
            try:
                return await inner(message, call)
            finally:
                self._running[kind] -= 1

        return limit


class UnreadInterceptor:
    """Refuses calls from an address that leaves too many answers unread.

    A client may hold back an answer by flow control for as long as it likes. Its call then runs
    no more, but holds a place in the server until it is read, or the connection ends.
    """

    def __init__(self, most_calls: int) -> None:
        # A gateway has one address for everybody: all that is in progress may be its own, and be
        # answered at once.
        self._most = most_calls + _MOST_PUBLIC_CALLS
        self._unread: Counter[str] = Counter()

    def wrap(self, inner: Behaviour, rpc: Rpc) -> Behaviour:  # noqa: ARG002
        async def limit(message: Any, call: Call) -> bytes | None:
            # Who is connected, and not for whom: nobody can choose another address for each call.
            address = address_key(address_of(call.context.peer()))
            if self._unread[address] >= self._most:
                refused_calls.labels("unread").inc()
                raise AppError(ErrorCode.OVERLOADED, retry_after=1)
            try:
                return await inner(message, call)
            finally:
                self._unread[address] += 1
                unread_answers.inc()
                # Of any type, since its stub takes no function for a callback.
                ended: Any = partial(self._ended, address)
                call.context.add_done_callback(ended)

        return limit

    def _ended(self, address: str, _context: object) -> None:
        unread_answers.dec()
        self._unread[address] -= 1
        if not self._unread[address]:
            del self._unread[address]


class PublicCallInterceptor:
    """Ends the oldest of the calls that need no credentials where there are too many.

    A probe is answered within moments. What is old only waits, and would else, whoever opened it,
    keep probes out.
    """

    def __init__(self) -> None:
        self._running: deque[asyncio.Timeout] = deque()

    def wrap(self, inner: Behaviour, rpc: Rpc) -> Behaviour:
        if rpc.streams:
            return inner

        async def make_room(message: Any, call: Call) -> bytes | None:
            if len(self._running) >= _MOST_PUBLIC_CALLS:
                self._running.popleft().reschedule(asyncio.get_running_loop().time())
            place = asyncio.timeout(None)
            try:
                async with place:
                    self._running.append(place)
                    try:
                        return await inner(message, call)
                    finally:
                        if place in self._running:
                            self._running.remove(place)
            except Exception:
                # Whatever the cancelled work made of it.
                if not place.expired():
                    raise
                refused_calls.labels("in_flight").inc()
                raise AppError(ErrorCode.OVERLOADED, retry_after=1) from None

        return make_room


class PublicStreamInterceptor:
    """Refuses streams that need no credentials above a limit of their own.

    Anybody may hold one for an hour: else they could take every place there is.
    """

    def __init__(self) -> None:
        self._running = 0

    def wrap(self, inner: Behaviour, rpc: Rpc) -> Behaviour:
        if not rpc.streams:
            return inner

        async def limit(message: Any, call: Call) -> bytes | None:
            if self._running >= _MOST_PUBLIC_STREAMS:
                refused_calls.labels("in_flight").inc()
                raise AppError(ErrorCode.OVERLOADED, retry_after=1)
            self._running += 1
            try:
                return await inner(message, call)
            finally:
                self._running -= 1

        return limit
