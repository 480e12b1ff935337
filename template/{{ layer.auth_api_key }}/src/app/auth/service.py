"""Authentication by API keys."""

from app.auth.attempts import Attempts
from app.auth.authentication import Authenticator
from app.auth.authenticator import KeyAuthenticator
from app.auth.keys import Keys
from app.auth.last_used import LastUsed
from app.platform.pagination import Cursors
from app.platform.resources import Resources
from app.settings import Settings


class Auth:
    """Keys of machines: who holds one, and who manages them."""

    def __init__(self, settings: Settings, resources: Resources) -> None:
        self._last_used = LastUsed(resources.database)
        self.authenticator: Authenticator = KeyAuthenticator(
            resources.database, Attempts(resources.cache, settings.auth), self._last_used
        )
        self.keys = Keys(
            resources.database,
            settings.auth,
            Cursors(settings.pagination),
            settings.idempotency.idempotency_ttl_seconds,
        )

    async def start(self) -> None:
        """Start the background work."""
        await self._last_used.start()

    async def aclose(self) -> None:
        """End the background work."""
        await self._last_used.aclose()
