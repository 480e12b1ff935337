"""Access tokens: JWTs signed with ES256 and typed `at+jwt` (RFC 9068)."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from joserfc import jwt
from joserfc.errors import ExpiredTokenError, JoseError
from joserfc.jwk import ECKey, GuestProtocol

from app.auth.authentication import invalid_credentials
from app.auth.keys import ALGORITHM, new_key, parse_keys, public_jwk
from app.auth.principal import Principal, Role
from app.auth.settings import AuthSettings
from app.errors import AppError, ErrorCode
from app.platform.ids import new_id

TYPE = "at+jwt"
LEEWAY = 30
"""Seconds by which the clocks of issuer and verifier may differ."""

_CLAIMS = ("iss", "aud", "sub", "exp", "nbf", "iat", "jti", "scope", "sid", "roles")


@dataclass(frozen=True, slots=True)
class AccessToken:
    """What a valid access token says.

    `family` is the id of its family as text; `expires_at` is in seconds since the epoch.
    """

    principal: Principal
    family: str
    expires_at: float


def token_expired() -> AppError:
    """The error for a token that was valid until it expired."""
    return AppError(ErrorCode.TOKEN_EXPIRED, challenge="invalid_token")


class AccessTokens:
    """Issues and verifies access tokens."""

    def __init__(self, settings: AuthSettings, clock: Callable[[], float] = time.time) -> None:
        keys = _configured_keys(settings)
        self._signer = keys[0]
        self._keys = {str(key.kid): key for key in keys}
        self._issuer = settings.jwt_issuer
        self._audience = settings.jwt_audience
        self._clock = clock
        self.lifetime = settings.jwt_access_token_seconds

    def issue(self, user_id: UUID, role: Role, scopes: Iterable[str], family_id: UUID) -> str:
        """A signed token, which ends with its time or with its family."""
        now = int(self._clock())
        claims = {
            "iss": self._issuer,
            "aud": self._audience,
            "sub": str(user_id),
            "exp": now + self.lifetime,
            "nbf": now,
            "iat": now,
            "jti": new_id(),
            "scope": " ".join(sorted(scopes)),
            "sid": str(family_id),
            "roles": [role.value],
        }
        header = _header(str(self._signer.kid))
        return jwt.encode(header, claims, self._signer, algorithms=[ALGORITHM])

    def verify(self, token: str) -> AccessToken:
        """Check signature, type and every claim; raises UNAUTHENTICATED or TOKEN_EXPIRED."""
        try:
            claims = jwt.decode(token, self._find_key, algorithms=[ALGORITHM]).claims
            self._expected_claims().validate(claims)
            return _access_token(claims)
        except ExpiredTokenError:
            raise token_expired() from None
        except (JoseError, ValueError, TypeError, AttributeError):
            raise invalid_credentials("The access token is not valid") from None

    def expired(self, token: AccessToken) -> bool:
        """Whether the time of a token that was verified before is over."""
        return self._clock() >= token.expires_at + LEEWAY

    def jwks(self) -> dict[str, list[dict[str, Any]]]:
        """The public keys (RFC 7517), for other services that verify these tokens."""
        return {"keys": [public_jwk(key) for key in self._keys.values()]}

    def _find_key(self, token: GuestProtocol) -> ECKey:
        # Only this service issues these tokens, so that its own header is the only one accepted:
        # no other algorithm or type, and no key, URL or critical extension of the sender's.
        header = token.headers()
        kid = str(header.get("kid"))
        if kid not in self._keys or header != _header(kid):
            raise ValueError("not the header of an access token")
        return self._keys[kid]

    def _expected_claims(self) -> jwt.JWTClaimsRegistry:
        expected: dict[str, jwt.ClaimsOption] = {name: {"essential": True} for name in _CLAIMS}
        expected["iss"]["value"] = self._issuer
        expected["aud"]["value"] = self._audience
        expected["scope"]["allow_blank"] = True
        return jwt.JWTClaimsRegistry(now=int(self._clock()), leeway=LEEWAY, **expected)


def _header(kid: str) -> dict[str, str]:
    return {"alg": ALGORITHM, "kid": kid, "typ": TYPE}


def _access_token(claims: jwt.Claims) -> AccessToken:
    family = str(UUID(claims["sid"]))
    principal = Principal(
        subject=str(UUID(claims["sub"])),
        kind="user",
        roles=frozenset(Role(role) for role in claims["roles"]),
        scopes=frozenset(claims["scope"].split()),
        session_id=family,
    )
    return AccessToken(principal, family, claims["exp"])


def _configured_keys(settings: AuthSettings) -> tuple[ECKey, ...]:
    if settings.jwt_signing_keys is None:
        # Development only, production_faults sees to that: tokens end with the process.
        return (new_key(),)
    return parse_keys(settings.jwt_signing_keys.get_secret_value())
