"""Access tokens of the identity provider: JWTs as RFC 9068 and RFC 8725 want them checked."""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from joserfc import jwt
from joserfc.errors import ExpiredTokenError, JoseError, UnsupportedAlgorithmError
from joserfc.jws import JWSRegistry, extract_compact

from app.auth.authentication import invalid_credentials
from app.auth.claims import principal_of
from app.auth.keys import Key
from app.auth.principal import Principal
from app.auth.provider import ProviderKeys
from app.auth.settings import AuthSettings
from app.errors import AppError, ErrorCode

LEEWAY = 30
"""Seconds by which the clocks of provider and service may differ."""

MAX_LENGTH = 16 * 1024


@dataclass(frozen=True, slots=True)
class AccessToken:
    """What a valid access token says; `expires_at` is in seconds since the epoch."""

    principal: Principal
    kid: str
    key: Key
    expires_at: float


def token_expired() -> AppError:
    """The error for a token that was valid until it expired."""
    return AppError(ErrorCode.TOKEN_EXPIRED, challenge="invalid_token")


class AccessTokens:
    """Verifies access tokens."""

    def __init__(
        self, settings: AuthSettings, keys: ProviderKeys, clock: Callable[[], float] = time.time
    ) -> None:
        self._settings = settings
        self._keys = keys
        self._clock = clock
        self._algorithms = _Algorithms(settings.oidc_algorithms)
        self._types = {_media_type(name) for name in settings.oidc_token_types}

    async def verify(self, text: str) -> AccessToken:
        """Check signature, type and every claim.

        Raises `AppError`: UNAUTHENTICATED, of which the cause says why, TOKEN_EXPIRED, or
        DEPENDENCY_UNAVAILABLE where the provider does not say whether it has the key.
        """
        try:
            kid = self._key_id(text)
            key = await self._key(kid)
            claims = jwt.decode(text, key, registry=self._algorithms).claims
            self._expected_claims().validate(claims)
            return AccessToken(principal_of(claims, self._settings), kid, key, claims["exp"])
        except ExpiredTokenError:
            raise token_expired() from None
        except (JoseError, ValueError, TypeError, AttributeError, RecursionError) as error:
            raise invalid_credentials("The access token is not valid") from error

    def expired(self, token: AccessToken) -> bool:
        """Whether the time of a token that was verified before is over."""
        return self._clock() >= token.expires_at + LEEWAY

    def _key_id(self, text: str) -> str:
        """The name of the key, of a header that is worth asking the provider about."""
        if len(text) > MAX_LENGTH:
            raise ValueError("it is too long")
        header = extract_compact(text.encode(), registry=self._algorithms).headers()
        self._algorithms.get_alg(header["alg"])
        if "crit" in header:
            raise ValueError("its header has extensions that have to be understood")
        # RFC 7519 section 5.1 leaves the type to be guessed where there is none.
        if _media_type(header.get("typ", "JWT")) not in self._types:
            raise ValueError("its type is not that of an access token")
        kid = header.get("kid")
        if not isinstance(kid, str) or not kid:
            raise ValueError("it does not name its key")
        return kid

    async def _key(self, kid: str) -> Key:
        key = await self._keys.find(kid)
        if key is None:
            raise ValueError("the provider has no such key")
        return key

    def _expected_claims(self) -> jwt.JWTClaimsRegistry:
        return jwt.JWTClaimsRegistry(
            now=int(self._clock()),
            leeway=LEEWAY,
            iss={"essential": True, "value": self._settings.oidc_issuer},
            aud={"essential": True, "values": list(self._settings.oidc_audience)},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
        )


class _Algorithms(JWSRegistry):
    """The algorithms by configuration; unknown members of a header are ignored (RFC 7515).

    joserfc warns of each use of `EdDSA`, a name that providers have not left yet for `Ed25519`.
    """

    def __init__(self, names: Collection[str]) -> None:
        super().__init__(algorithms=names, strict_check_header=False)
        self._named = {name: self.algorithms[name] for name in names}

    def get_alg(self, name: str) -> Any:
        if name not in self._named:
            raise UnsupportedAlgorithmError("its algorithm is not accepted")
        return self._named[name]


def _media_type(name: str) -> str:
    """The type without what RFC 7515 section 4.1.9 lets be left out."""
    return name.lower().removeprefix("application/")
