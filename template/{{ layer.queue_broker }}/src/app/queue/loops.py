"""Background loops that outlive the failures of what they call."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

_FIRST_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 2.0
log = structlog.get_logger()


async def repeat(name: str, step: Callable[[], Awaitable[bool]], interval: float) -> None:
    """Call `step` until cancelled: at once where it says that there is more, else at the interval.

    While it fails the pauses grow to two seconds; the first failure and the recovery are logged.
    """
    task = asyncio.current_task()
    assert task is not None
    pause = 0.0
    # Asked, because Python 3.11's `wait_for`, which clients use, may swallow a cancellation.
    while not task.cancelling():
        try:
            more = await step()
        except Exception:
            if not pause:
                log.warning("background step failing", step=name, exc_info=True)
            pause = min(_LONGEST_PAUSE_SECONDS, pause * 2 or _FIRST_PAUSE_SECONDS)
            await asyncio.sleep(pause)
            continue
        if pause:
            log.info("background step recovered", step=name)
            pause = 0.0
        if not more:
            await asyncio.sleep(interval)
