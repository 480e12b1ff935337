"""The cookie that holds the key of a session."""

from fastapi import Response

from app.auth.authentication import AuthRequest, invalid_credentials
from app.auth.sessions import SessionKey
from app.auth.settings import AuthSettings

NAME = "__Host-session"
"""With this prefix browsers take it over HTTPS only, and for the very host (RFC 6265bis)."""

_INSECURE_NAME = "session"


class SessionCookie:
    """Gone with the browser; kept from scripts, and from what other sites embed or post."""

    def __init__(self, settings: AuthSettings) -> None:
        self._secure = settings.session_cookie_secure
        self._name = NAME if self._secure else _INSECURE_NAME

    def read(self, request: AuthRequest) -> SessionKey | None:
        """The key that came along; raises `AppError(UNAUTHENTICATED)` where it can be none."""
        # Only spaces stand between cookies: other blanks are part of a name, which for browsers has
        # no prefix then, so that any host of the domain may set it.
        pairs = request.headers.get("cookie", "").split(";")
        named = (pair.strip(" ").partition("=") for pair in pairs)
        sent = [value for name, _, value in named if name == self._name]
        if not sent:
            return None
        key = SessionKey.parse(sent[0])
        if key is None or len(sent) > 1:
            raise invalid_credentials("The cookie does not hold a session")
        return key

    def write(self, response: Response, key: SessionKey) -> None:
        """Give the key to the browser."""
        response.set_cookie(
            self._name, key.text, secure=self._secure, httponly=True, samesite="lax"
        )

    def remove(self, response: Response) -> None:
        """Take the key from the browser."""
        response.delete_cookie(self._name, secure=self._secure, httponly=True, samesite="lax")
