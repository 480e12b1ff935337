"""From a request to its principal, on the path of every request."""

import hmac
from urllib.parse import unquote

from app.auth.api_key import FORM, ApiKey, KeyText
from app.auth.attempts import Attempts
from app.auth.authentication import AuthRequest, bearer_token, invalid_credentials
from app.auth.last_used import LastUsed
from app.auth.principal import Principal
from app.auth.store import ApiKeys
from app.db import Database
from app.errors import AppError
from app.platform import clock
from app.platform.context import context
from app.platform.metrics import auth_events

CREDENTIAL_HEADERS = ("authorization", "x-api-key")
"""Where credentials are read from, in lower case."""

# Compared with where no key has the id, so that this takes as long.
_NO_HASH = bytes(32)


class KeyAuthenticator:
    """Accepts keys that have neither ended nor been revoked.

    Each request reads its key, by the primary key: what is revoked, whoever did it, ends with the
    next request in every instance.
    """

    def __init__(self, database: Database, attempts: Attempts, last_used: LastUsed) -> None:
        self._database = database
        self._attempts = attempts
        self._last_used = last_used

    async def authenticate(self, request: AuthRequest) -> Principal | None:
        """See `Authenticator.authenticate`; RATE_LIMITED for an address with many bad keys."""
        try:
            text = _presented(request)
            return None if text is None else await self._principal(text, request)
        except AppError as error:
            auth_events.labels("authenticate", error.code.name.lower()).inc()
            raise

    async def _principal(self, text: str, request: AuthRequest) -> Principal:
        presented = KeyText.parse(text)
        key = None if presented is None else await self._verify(presented)
        now = clock.now()
        if key is None or key.revoked_at is not None:
            # What was accepted before is no guess.
            if not request.is_recheck:
                account = text[:64] if presented is None else presented.id.hex
                await self._attempts.charge(f"key {account}", context().client_address)
            raise invalid_credentials("The API key is not valid")
        if key.expires_at <= now:
            # Told to those only who hold the secret. Unlike a token, it cannot be refreshed.
            raise invalid_credentials("The API key has expired")
        self._last_used.note(key, now)
        return key.principal

    async def _verify(self, presented: KeyText) -> ApiKey | None:
        async with self._database.unit_of_work(read_only=True) as work:
            found = await ApiKeys(work).with_hash(presented.id)
        key, stored = found or (None, _NO_HASH)
        return key if hmac.compare_digest(presented.hash(), stored) else None


def _presented(request: AuthRequest) -> str | None:
    """The key of `Authorization: Bearer` or `X-API-Key`, which must not differ."""
    bearer = bearer_token(request)
    if request.query and FORM.search(unquote(request.query)):
        raise invalid_credentials("API keys are not accepted in the query string")
    header = request.headers.get("x-api-key")
    if bearer is not None and header is not None and bearer != header:
        raise invalid_credentials("Authorization and X-API-Key hold different keys")
    return header if bearer is None else bearer
