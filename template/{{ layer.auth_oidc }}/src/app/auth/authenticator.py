"""From a request to its principal, on the path of every request."""

import hashlib
from collections import OrderedDict

import structlog

from app.auth.authentication import AuthRequest, bearer_token
from app.auth.principal import Principal
from app.auth.provider import ProviderKeys
from app.auth.tokens import AccessToken, AccessTokens, token_expired
from app.errors import AppError
from app.platform.metrics import auth_events

CREDENTIAL_HEADERS = ("authorization",)
"""Where credentials are read from, in lower case."""

_REMEMBERED = 10_000

log = structlog.get_logger(__name__)


class TokenAuthenticator:
    """Accepts access tokens that the identity provider made for this service."""

    def __init__(self, tokens: AccessTokens, keys: ProviderKeys) -> None:
        self._tokens = tokens
        self._keys = keys
        self._verified: OrderedDict[bytes, AccessToken] = OrderedDict()

    async def authenticate(self, request: AuthRequest) -> Principal | None:
        """See `Authenticator.authenticate`."""
        try:
            text = bearer_token(request)
            return None if text is None else (await self._verify(text)).principal
        except AppError as error:
            auth_events.labels("authenticate", error.code.name.lower()).inc()
            log.debug("credentials refused", reason=str(error.__cause__ or error.message))
            raise

    async def _verify(self, text: str) -> AccessToken:
        """Check a signature once; at each call that its key still counts, and the time."""
        digest = hashlib.sha256(text.encode()).digest()
        token = self._verified.get(digest)
        if token is None or self._keys.known(token.kid) is not token.key:
            self._verified.pop(digest, None)
            token = self._verified[digest] = await self._tokens.verify(text)
            if len(self._verified) > _REMEMBERED:
                self._verified.popitem(last=False)
            return token
        if self._tokens.expired(token):
            del self._verified[digest]
            raise token_expired()
        self._verified.move_to_end(digest)
        return token
