"""HTTP/1.1 that becomes a WebSocket where a client asks for one properly."""

import re

from app.http.protocol import SecureServiceProtocol, ServiceProtocol
from app.transport.graphql.middleware import PATH

_PATH = PATH.encode()
_KEY = re.compile(rb"[A-Za-z0-9+/]{22}==")


class UpgradingProtocol(ServiceProtocol):
    """One connection; any other offer to upgrade it is declined."""

    def _decline_upgrade(self, rest: bytes) -> None:
        if self._is_handshake():
            self.scope["method"] = "GET"
            self.handle_websocket_upgrade()
        else:
            super()._decline_upgrade(rest)

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


class SecureUpgradingProtocol(UpgradingProtocol):
    """One connection of a service that is reached over TLS."""

    _security_headers = SecureServiceProtocol._security_headers  # noqa: SLF001
