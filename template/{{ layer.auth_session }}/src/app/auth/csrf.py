"""Whether a request comes from a page of the application (OWASP's CSRF prevention cheat sheet)."""

import hmac
from collections.abc import Iterable, Mapping

from app.auth.sessions import SessionKey
from app.errors import AppError, ErrorCode

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_OWN_SITES = frozenset({"same-origin", "none"})


class CsrfGuard:
    """Refuses what the pages of others make a browser send.

    Pages of the service's own origin and of the `trusted` ones are the application's. Browsers name
    the origin of a request, and others than browsers hold no cookies that a page could abuse.
    """

    def __init__(self, trusted: Iterable[str]) -> None:
        self._trusted = frozenset(trusted)

    def check_origin(self, headers: Mapping[str, str]) -> None:
        """Raise `AppError(CSRF_FAILED)` for a page that is not the application's."""
        origin = headers.get("origin")
        if origin in self._trusted:
            return
        own = origin is None or origin.partition("://")[2] == headers.get("host", "").lower()
        if not own or headers.get("sec-fetch-site", "none") not in _OWN_SITES:
            raise AppError(ErrorCode.CSRF_FAILED, "Pages of this origin may not do this")

    def check(self, headers: Mapping[str, str], key: SessionKey) -> None:
        """As `check_origin`, and the token of the session has to come along."""
        self.check_origin(headers)
        sent = headers.get("x-csrf-token", "")
        if not hmac.compare_digest(sent.encode(), key.csrf_token.encode()):
            raise AppError(
                ErrorCode.CSRF_FAILED, "X-CSRF-Token does not hold the token of the session"
            )
