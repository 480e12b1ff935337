"""The keys of the identity provider: found by discovery, and renewed before they are needed."""

import asyncio
import contextlib
import json
import random
import time
from collections.abc import Callable, Mapping
from contextvars import Context
from typing import Any
from urllib.parse import urlsplit

import structlog

from app.auth.keys import Key, parse_jwks
from app.auth.settings import AuthSettings
from app.errors import AppError, ErrorCode
from app.platform.http_client import HttpClient
from app.platform.metrics import auth_events
from app.platform.public_network import ForbiddenAddressError

_MOST_WAITING = 50
_DISCOVERY = "/.well-known/openid-configuration"
_random = random.SystemRandom()

log = structlog.get_logger(__name__)


class ProviderError(Exception):
    """The provider answers, but not with what a provider answers."""


class ProviderKeys:
    """The public keys, read at the start and every `OIDC_REFRESH_SECONDS`.

    A name that is not among them is looked for at the provider, all callers together and at most
    every `OIDC_RETRY_SECONDS`. While the provider is away its keys go on for
    `OIDC_KEYS_MAX_AGE_SECONDS`.
    """

    def __init__(
        self,
        settings: AuthSettings,
        http_client: HttpClient,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._http_client = http_client
        self._clock = clock
        self._keys: Mapping[str, Key] = {}
        self._confirmed_at = self._asked_at = float("-inf")
        self._refreshing: asyncio.Task[None] | None = None
        self._refresher: asyncio.Task[None] | None = None
        self._waiting = 0

    async def start(self) -> None:
        """Read the keys, and go on doing so; a provider that is away is tried again later."""
        await self._refresh()
        self._refresher = asyncio.create_task(self._refresh_ahead())

    async def aclose(self) -> None:
        """End the background work."""
        for task in (self._refresher, self._refreshing):
            if task is not None:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task

    def known(self, kid: str) -> Key | None:
        """The key, where it is at hand and not too old."""
        age = self._clock() - self._confirmed_at
        return self._keys.get(kid) if age < self._settings.oidc_keys_max_age_seconds else None

    async def find(self, kid: str) -> Key | None:
        """The key, or None where the provider has none of that name.

        Raises `AppError(DEPENDENCY_UNAVAILABLE)` where the provider does not say.
        """
        key = self.known(kid)
        if key is None:
            await self._ask()
            key = self.known(kid)
        if key is None and not self._reachable:
            raise self._unavailable()
        return key

    async def check(self) -> None:
        """Raise unless the provider answered when it was last asked."""
        if not self._reachable:
            raise self._unavailable()

    async def check_read(self) -> None:
        """Raise unless keys have been read, which they are from the first time on."""
        if not self._keys:
            raise self._unavailable()

    async def refresh(self) -> list[str]:
        """Read the keys now and return their names; raises what keeps them from being read."""
        issuer = self._settings.oidc_issuer
        async with asyncio.timeout(self._settings.oidc_timeout_seconds):
            found = await self._document(issuer.removesuffix("/") + _DISCOVERY)
            if found.get("issuer") != issuer:
                raise ProviderError("the provider says that it is another issuer")
            jwks_uri = _checked(found.get("jwks_uri"), issuer)
            # Only the issuer itself was chosen by whoever runs the service.
            elsewhere = urlsplit(jwks_uri).hostname != urlsplit(issuer).hostname
            document = await self._document(jwks_uri, public_only=elsewhere)
        try:
            keys = parse_jwks(document, self._keys)
        except ValueError as error:
            raise ProviderError(str(error)) from None
        if not keys:
            raise ProviderError("the provider lists no key that verifies signatures")
        self._keys = keys
        self._confirmed_at = self._clock()
        return list(self._keys)

    @property
    def _reachable(self) -> bool:
        return self._confirmed_at >= self._asked_at > float("-inf")

    def _unavailable(self) -> AppError:
        # Until the provider is asked again; while it is, soon.
        left = self._asked_at + self._settings.oidc_retry_seconds - self._clock()
        return AppError(
            ErrorCode.DEPENDENCY_UNAVAILABLE,
            "The identity provider is not available",
            retry_after=max(1, left),
        )

    async def _ask(self) -> None:
        refreshing = self._refreshing is not None and not self._refreshing.done()
        if not refreshing and self._clock() - self._asked_at < self._settings.oidc_retry_seconds:
            return
        # More would fill the service with callers who wait, of which unknown keys may be made up.
        if self._waiting >= _MOST_WAITING:
            raise self._unavailable()
        self._waiting += 1
        try:
            await self._refresh()
        finally:
            self._waiting -= 1

    async def _refresh(self) -> None:
        if self._refreshing is None or self._refreshing.done():
            # For all who wait, so that it has neither the deadline nor the id of the first request.
            self._refreshing = asyncio.create_task(self._try_to_refresh(), context=Context())
        await asyncio.shield(self._refreshing)

    async def _try_to_refresh(self) -> None:
        was_reachable, began = self._reachable, self._clock()
        first = self._asked_at == float("-inf")
        try:
            await self.refresh()
        except (AppError, ForbiddenAddressError, ProviderError, TimeoutError) as error:
            if was_reachable or first:
                log.warning("identity provider unreachable", issue=_issue(error))
        except Exception:
            log.exception("identity provider unreachable")
        else:
            if not was_reachable:
                log.info("identity provider reached", keys=len(self._keys))
        self._asked_at = began
        auth_events.labels("key_refresh", "success" if self._reachable else "failure").inc()

    async def _refresh_ahead(self) -> None:
        while True:
            pause = self._settings.oidc_retry_seconds
            if self._reachable:
                pause = self._settings.oidc_refresh_seconds
            # Not all instances at once.
            await asyncio.sleep(pause * _random.uniform(0.8, 1))
            await self._refresh()

    async def _document(self, url: str, *, public_only: bool = False) -> dict[str, Any]:
        headers = {"accept": "application/json"}
        response = await self._http_client.request(
            "GET", url, headers=headers, public_only=public_only
        )
        if response.status != 200:
            raise ProviderError(f"{url} answers {response.status}")
        try:
            document = json.loads(response.body)
        except (ValueError, RecursionError):
            document = None
        if not isinstance(document, dict):
            raise ProviderError(f"{url} is not a JSON object")
        return document


def _checked(url: object, issuer: str) -> str:
    """The address of the keys, which has TLS where the issuer has."""
    try:
        parts = urlsplit(url if isinstance(url, str) else "")
    except ValueError:
        parts = urlsplit("")
    schemes = {"https", urlsplit(issuer).scheme}
    if parts.scheme not in schemes or not parts.hostname or "@" in parts.netloc:
        raise ProviderError("the provider does not say where its keys are, with TLS")
    return parts.geturl()


def _issue(error: Exception) -> str:
    return str(error.__cause__ or error) or type(error).__name__
