"""HTTP/1.1 as uvicorn speaks it, stricter with slow and broken clients.

httptools itself refuses repeated or malformed `Content-Length`, `Content-Length` next to
`Transfer-Encoding`, bare LF and CR, folded headers and unknown methods. A missing or repeated
`Host` is refused by the middleware.
"""

import json
import logging
from typing import Any

import structlog
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from app.errors import AppError, ErrorCode, error_body
from app.http.headers import security_headers
from app.platform.ids import new_id
from app.platform.metrics import http_refused

log = structlog.get_logger()

_MAX_HEAD_BYTES = 65_536
_LINGER_SECONDS = 1.0
_HEADERS = security_headers(hsts=False)

# Uvicorn's warnings about broken requests say less than the line written here.
_uvicorn_log = logging.getLogger("uvicorn.error.protocol")
_uvicorn_log.setLevel(logging.ERROR)


class ServiceProtocol(HttpToolsProtocol):
    """One connection."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.logger = _uvicorn_log
        self._in_head = False
        self._head_bytes = 0
        self._refused = False
        # Since when the client owes the rest of a request, if it does.
        self._owed_since: float | None = self.loop.time()
        self._closing_since: float | None = None

    def close_if_stalled(self, now: float, seconds: float) -> None:
        """Close when a request is not there after so many seconds, or a response not taken."""
        if self.transport.is_closing():
            self._closing_since = self._closing_since or now
            if now - self._closing_since > seconds:
                self.transport.abort()
        elif self._owed_since is not None and now - self._owed_since > seconds:
            http_refused.labels("slow").inc()
            self.transport.close()

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        if self._owed_since is None:
            self._owed_since = self.loop.time()
        self._head_bytes += len(data)
        super().data_received(data)
        if self._in_head and self._head_bytes > _MAX_HEAD_BYTES and not self._refused:
            self.send_400_response("The request head is too large")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head = True
        self._owed_since = self.loop.time()

    def on_headers_complete(self) -> None:
        self._in_head = False
        # Counted exactly only where what was received could be too much.
        if self._head_bytes > _MAX_HEAD_BYTES:
            size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
            if size > _MAX_HEAD_BYTES:
                raise ValueError
        version = self.parser.get_http_version()
        encoding = dict(self.headers).get(b"transfer-encoding")
        if version not in {"1.0", "1.1"} or (
            encoding is not None and (encoding.lower() != b"chunked" or version == "1.0")
        ):
            raise ValueError
        super().on_headers_complete()
        if not self.parser.should_upgrade():
            # Trailers come as headers do, and must not join those that were already judged.
            self.headers = []

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._owed_since = None
        self._head_bytes = 0

    def send_400_response(self, msg: str) -> None:
        """Refuse what is not HTTP in the error shape, and end the connection."""
        self._refused = True
        http_refused.labels("malformed").inc()
        request_id = new_id()
        error = AppError(ErrorCode.MALFORMED_REQUEST, msg)
        body = json.dumps(error_body(error, request_id)).encode()
        headers = [
            *self.server_state.default_headers,
            *_HEADERS,
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
            (b"connection", b"close"),
            (b"x-request-id", request_id.encode()),
        ]
        head = b"".join(name + b": " + value + b"\r\n" for name, value in headers)
        log.info("malformed request", request_id=request_id, status=400)
        self.transport.write(STATUS_LINE[400] + head + b"\r\n" + body)
        # Closed at once, with data unread, the connection would be reset and the answer lost.
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.loop.call_later(_LINGER_SECONDS, self.transport.close)
        if self.cycle is not None:
            # The application was given the head: what it may still answer has nowhere to go.
            self.cycle.disconnected = True
            self.cycle.message_event.set()
