"""What is known of the request or message in progress: for logs, audit, queue and calls."""

import asyncio
import re
from contextvars import ContextVar
from dataclasses import dataclass

from app.auth.principal import Principal
from app.platform.ids import new_id

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")


@dataclass(slots=True)
class RequestContext:
    """One request, message or command.

    `client_address` is the caller's address after trusted proxies; `route` the template, never
    the raw path; `deadline` a time of the running event loop, in seconds.
    """

    request_id: str
    client_address: str = ""
    method: str = ""
    route: str = ""
    principal: Principal | None = None
    deadline: float | None = None

    def remaining(self) -> float | None:
        """Seconds until the deadline, never negative; None where there is no deadline."""
        if self.deadline is None:
            return None
        return max(0.0, self.deadline - asyncio.get_running_loop().time())


_current: ContextVar[RequestContext | None] = ContextVar("request_context", default=None)
set_context = _current.set
reset_context = _current.reset
current_context = _current.get


def context() -> RequestContext:
    """The current context; an empty one with a new request id outside of any request."""
    return _current.get() or RequestContext(request_id=new_id())


def accept_request_id(candidate: str | None) -> str:
    """The incoming request id where it is well formed, else a new one."""
    if candidate is not None and REQUEST_ID.fullmatch(candidate):
        return candidate
    return new_id()
