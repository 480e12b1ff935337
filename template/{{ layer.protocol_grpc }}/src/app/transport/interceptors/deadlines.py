"""How long a call may take."""

import asyncio
from typing import Any

from app.errors import AppError, ErrorCode
from app.platform.context import context
from app.transport.calls import Behaviour, Call, Rpc
from app.transport.metrics import refused_calls


class DeadlineInterceptor:
    """Cancels a call, and all that it waits for, at the client's deadline or at the latest allowed.

    A client that gives up or hangs up has the same effect at once: the server cancels the call.
    """

    def __init__(self, default: float, longest: float) -> None:
        self._default = min(default, longest)
        self._longest = longest

    def wrap(self, inner: Behaviour, rpc: Rpc) -> Behaviour:
        if rpc.streams:
            return inner

        async def bound(message: Any, call: Call) -> bytes | None:
            asked: float | None = call.context.time_remaining()
            seconds = self._default if asked is None else min(asked, self._longest)
            deadline = asyncio.get_running_loop().time() + seconds
            context().deadline = deadline
            budget = asyncio.timeout_at(deadline)
            try:
                async with budget:
                    return await inner(message, call)
            except Exception:
                # Whatever the cancelled work made of it.
                if not budget.expired():
                    raise
                refused_calls.labels("deadline").inc()
                raise AppError(ErrorCode.DEADLINE_EXCEEDED) from None

        return bound
