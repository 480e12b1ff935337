"""HTTP/1.1 as uvicorn speaks it, stricter with slow and broken clients.

httptools itself refuses repeated or malformed `Content-Length`, `Content-Length` next to
`Transfer-Encoding`, bare LF and CR, folded headers and unknown methods. A missing or repeated
`Host` is refused by the middleware.
"""

import json
from typing import Any
from urllib.parse import urlsplit

import httptools
import structlog
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from app.errors import AppError, ErrorCode, error_body
from app.http.headers import security_headers
from app.platform.ids import new_id
from app.platform.metrics import http_refused

log = structlog.get_logger()

_MAX_HEAD_BYTES = 65_536
_LINGER_SECONDS = 1.0
_UPGRADE_HEADERS = (b"connection", b"http2-settings", b"upgrade")


class ServiceProtocol(HttpToolsProtocol):
    """One connection."""

    _security_headers = security_headers(hsts=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # What was received since the request began or since its body last grew.
        self._idle_bytes = 0
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
        self._unset_keepalive_if_required()
        self._idle_bytes += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as offer:
            self._decline_upgrade(data[offer.args[0] :])
        except httptools.HttpParserError:
            self.send_400_response("Invalid HTTP request received.")
        # A head, an extension of a chunk, or trailers.
        if self._idle_bytes > _MAX_HEAD_BYTES and not self._refused:
            self.send_400_response("The request head is too large")

    def _decline_upgrade(self, rest: bytes) -> None:
        """Go on in HTTP/1.1 as if none had been offered, as RFC 9110 section 7.8 allows.

        The parser takes what follows for another protocol, the body too, so that another one
        starts from the head that came in.
        """
        version = self.parser.get_http_version().encode()
        head = [self.parser.get_method(), b" ", self.url, b" HTTP/", version, b"\r\n"]
        for name, value in self.headers:
            if name not in _UPGRADE_HEADERS:
                head += [name, b": ", value, b"\r\n"]
            elif name == b"connection" and b"close" in value.lower():
                head.append(b"connection: close\r\n")
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self.data_received(b"".join([*head, b"\r\n", rest]))

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._owed_since = self.loop.time()

    def on_headers_complete(self) -> None:
        if self.parser.get_method() == b"CONNECT":
            raise ValueError
        if self.parser.should_upgrade():
            return
        # Counted exactly only where what was received could be too much.
        if self._idle_bytes > _MAX_HEAD_BYTES:
            size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
            if size > _MAX_HEAD_BYTES:
                raise ValueError
        version = self.parser.get_http_version()
        fields = dict(self.headers)
        encoding = fields.get(b"transfer-encoding")
        if version not in {"1.0", "1.1"} or (
            encoding is not None and (encoding.lower() != b"chunked" or version == "1.0")
        ):
            raise ValueError
        # Of a target with a host of its own (RFC 9112 section 3.2.2), both must say the same.
        host = fields.get(b"host", b"").lower()
        if not self.url.startswith((b"/", b"*")) and urlsplit(self.url).netloc.lower() != host:
            raise ValueError
        super().on_headers_complete()
        self._idle_bytes = 0
        # Trailers come as headers do, and must not join those that were already judged.
        self.headers = []

    def on_body(self, body: bytes) -> None:
        self._idle_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        if self.parser.should_upgrade():
            return
        super().on_message_complete()
        self._owed_since = None
        self._idle_bytes = 0

    def send_400_response(self, msg: str) -> None:
        """Refuse what is not HTTP in the error shape, and end the connection."""
        self._refused = True
        http_refused.labels("malformed").inc()
        request_id = new_id()
        error = AppError(ErrorCode.MALFORMED_REQUEST, msg)
        body = json.dumps(error_body(error, request_id)).encode()
        headers = [
            *self.server_state.default_headers,
            *self._security_headers,
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


class SecureServiceProtocol(ServiceProtocol):
    """One connection of a service that is reached over TLS."""

    _security_headers = security_headers(hsts=True)
