"""Settings of access tokens, sessions and passwords."""

from collections.abc import Iterator
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr

from app.auth.attempts import AttemptSettings
from app.auth.keys import parse_keys
from app.auth.password_settings import PasswordSettings

DEVELOPMENT_ISSUER = "http://127.0.0.1:8000"
DEVELOPMENT_AUDIENCE = "development"

Seconds = Annotated[int, Field(gt=0)]


def _usable(keys: SecretStr) -> SecretStr:
    parse_keys(keys.get_secret_value())
    return keys


class AuthSettings(PasswordSettings, AttemptSettings):
    """`JWT_*`, `PASSWORD_*` and `RATE_LIMIT_LOGIN_*`.

    `jwt_signing_keys` holds one or more EC P-256 keys, as PEM or as a JWKS: the first signs, all
    verify. `jwt_refresh_token_seconds` is how long a session may rest between two refreshes,
    `jwt_session_seconds` how long it may last.
    """

    jwt_signing_keys: Annotated[SecretStr, AfterValidator(_usable)] | None = None
    jwt_issuer: str = DEVELOPMENT_ISSUER
    jwt_audience: str = DEVELOPMENT_AUDIENCE
    jwt_access_token_seconds: Annotated[Seconds, Field(le=3600)] = 15 * 60
    jwt_refresh_token_seconds: Seconds = 14 * 24 * 3600
    jwt_session_seconds: Seconds = 90 * 24 * 3600

    def production_faults(self) -> Iterator[str]:
        if self.jwt_signing_keys is None:
            yield "JWT_SIGNING_KEYS: is required in production"
        if self.jwt_issuer == DEVELOPMENT_ISSUER:
            yield "JWT_ISSUER: is required in production"
        if self.jwt_audience == DEVELOPMENT_AUDIENCE:
            yield "JWT_AUDIENCE: is required in production"
        yield from super().production_faults()
