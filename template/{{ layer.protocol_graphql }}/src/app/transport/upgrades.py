"""HTTP/1.1 that becomes a WebSocket where a client asks for one properly."""

import re

from websockets.datastructures import Headers
from websockets.http11 import MAX_LINE_LENGTH, MAX_NUM_HEADERS, Request
from websockets.server import ServerProtocol

from app.http.protocol import SecureServiceProtocol, ServiceProtocol
from app.transport.graphql.middleware import PATH

_PATH = PATH.encode()
# Of a line, what stands around the address, and between the name of a header and its value.
_AROUND = len("GET  HTTP/1.1\r\n")
_KEY = re.compile(rb"[A-Za-z0-9+/]{22}==")


class UpgradingProtocol(ServiceProtocol):
    """One connection; any other offer to upgrade it is declined."""

    def _decline_upgrade(self, rest: bytes) -> None:
        if not self._is_handshake():
            super()._decline_upgrade(rest)
        elif self._is_acceptable():
            self.scope["method"] = "GET"
            self.handle_websocket_upgrade()
        else:
            self.send_400_response("The handshake is not that of a WebSocket")

    def _is_handshake(self) -> bool:
        """Whether it is the handshake of RFC 6455 section 4.1, where one is served."""
        fields = {name: value.strip() for name, value in self.headers}
        return (
            self.parser.get_method() == b"GET"
            and self.parser.get_http_version() == "1.1"
            and self.url.partition(b"?")[0] == _PATH
            and fields.get(b"upgrade", b"").lower() == b"websocket"
            and fields.get(b"sec-websocket-version") == b"13"
            and _KEY.fullmatch(fields.get(b"sec-websocket-key", b"")) is not None
            and not {b"content-length", b"transfer-encoding"} & fields.keys()
        )

    def _is_acceptable(self) -> bool:
        """What the library that goes on with it would say, whose own refusals look otherwise."""
        lines = [self.url, *(name + value for name, value in self.headers)]
        if max(map(len, lines)) + _AROUND > MAX_LINE_LENGTH or len(lines) > MAX_NUM_HEADERS:
            return False
        headers = Headers(
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in self.headers
        )
        return ServerProtocol().accept(Request(PATH, headers)).status_code == 101


class SecureUpgradingProtocol(UpgradingProtocol):
    """One connection of a service that is reached over TLS."""

    _security_headers = SecureServiceProtocol._security_headers  # noqa: SLF001
