"""WebSockets as uvicorn speaks them, with clients held to reading what they ask for."""

import asyncio
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from app.platform.metrics import http_refused

STOPPING = "stopping"
"""Where in `scope["state"]` the event stands that asks the application to end the connection."""


class BoundedSocketProtocol(WebSocketsSansIOProtocol):
    """One connection.

    Pings are answered before the application hears of them: of a client that takes no answers,
    nothing more is read, and it is cut off in the end.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._stalled_since: float | None = None
        self._stopping = asyncio.Event()

    async def run_asgi(self) -> None:
        self.scope["state"][STOPPING] = self._stopping
        await super().run_asgi()

    def shutdown(self) -> None:
        """Let the application answer what is in progress, and end the connection then."""
        if self.handshake_complete and not self.close_sent:
            self._stopping.set()
        else:
            super().shutdown()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._pause_reading()

    def resume_writing(self) -> None:
        super().resume_writing()
        if not self.read_paused and not self.transport.is_closing():
            self.transport.resume_reading()

    async def receive(self) -> Any:
        message = await super().receive()
        if not self.writable.is_set():
            self._pause_reading()
        return message

    async def send(self, message: Any) -> None:
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and not message.get("more_body"):
            # A refusal ends the handshake, too: uvicorn would log an error (Kludex/uvicorn#3138).
            self.handshake_complete = True

    def close_if_stalled(self, now: float, seconds: float) -> None:
        """Cut off who has taken nothing, or not let the connection end, for so many seconds."""
        if self.writable.is_set() and not self.transport.is_closing():
            self._stalled_since = None
        elif self._stalled_since is None:
            self._stalled_since = now
        elif now - self._stalled_since > seconds:
            http_refused.labels("slow").inc()
            self.transport.abort()

    def _pause_reading(self) -> None:
        if not self.transport.is_closing():
            self.transport.pause_reading()
