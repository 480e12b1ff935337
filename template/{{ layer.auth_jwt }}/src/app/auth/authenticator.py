"""From a request to its principal, on the path of every request."""

import hashlib
from collections import OrderedDict

from app.auth.authentication import AuthRequest, bearer_token, invalid_credentials
from app.auth.principal import Principal
from app.auth.revocations import Revocations
from app.auth.tokens import AccessToken, AccessTokens, token_expired
from app.errors import AppError
from app.platform.metrics import auth_events

CREDENTIAL_HEADERS = ("authorization",)
"""Where credentials are read from, in lower case."""

_REMEMBERED = 10_000


class TokenAuthenticator:
    """Accepts access tokens of this service that have neither expired nor been revoked."""

    def __init__(self, tokens: AccessTokens, revocations: Revocations) -> None:
        self._tokens = tokens
        self._revocations = revocations
        self._verified: OrderedDict[bytes, AccessToken] = OrderedDict()

    async def authenticate(self, request: AuthRequest) -> Principal | None:
        """See `Authenticator.authenticate`."""
        try:
            text = bearer_token(request)
            return None if text is None else await self._principal(text)
        except AppError as error:
            auth_events.labels("authenticate", error.code.name.lower()).inc()
            raise

    async def _principal(self, text: str) -> Principal:
        token = self._verify(text)
        if await self._revocations.contain(token.family):
            raise invalid_credentials("The access token has been revoked")
        return token.principal

    def _verify(self, text: str) -> AccessToken:
        """Check a signature once, which costs 60 µs; the time of the token at each call."""
        digest = hashlib.sha256(text.encode()).digest()
        token = self._verified.get(digest)
        if token is None:
            token = self._tokens.verify(text)
            self._verified[digest] = token
            if len(self._verified) > _REMEMBERED:
                self._verified.popitem(last=False)
            return token
        if self._tokens.expired(token):
            del self._verified[digest]
            raise token_expired()
        self._verified.move_to_end(digest)
        return token
