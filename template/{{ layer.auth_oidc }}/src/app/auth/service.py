"""Authentication by an identity provider: this service keeps no accounts."""

from app.auth.authentication import Authenticator
from app.auth.authenticator import TokenAuthenticator
from app.auth.provider import ProviderKeys
from app.auth.tokens import AccessTokens
from app.platform.resources import Resources
from app.settings import Settings


class Auth:
    """Authentication with access tokens that an OpenID provider makes."""

    def __init__(self, settings: Settings, resources: Resources) -> None:
        self.keys = ProviderKeys(settings.auth, resources.http_client)
        self.tokens = AccessTokens(settings.auth, self.keys)
        self.authenticator: Authenticator = TokenAuthenticator(self.tokens, self.keys)
        # Without the provider, known keys go on verifying for a while.
        resources.health.add_optional("identity_provider", self.keys.check)
        # Without any, nobody is let in: a release must not take the traffic to such an instance.
        resources.health.add_optional("identity_provider_keys", self.keys.check_read)
        resources.health.require("identity_provider_keys")

    async def start(self) -> None:
        """Read the provider's keys, and start the background work."""
        await self.keys.start()

    async def aclose(self) -> None:
        """End the background work."""
        await self.keys.aclose()
