"""Settings of access tokens, sessions and passwords."""

from collections.abc import Iterator
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr

from app.auth.keys import parse_keys
from app.platform.configuration import SettingsGroup

DEVELOPMENT_ISSUER = "http://127.0.0.1:8000"
DEVELOPMENT_AUDIENCE = "development"

Seconds = Annotated[int, Field(gt=0)]


def _usable(keys: SecretStr) -> SecretStr:
    parse_keys(keys.get_secret_value())
    return keys


class AuthSettings(SettingsGroup):
    """`JWT_*` and `PASSWORD_*`.

    `jwt_signing_keys` holds one or more EC P-256 keys, as PEM or as a JWKS: the first signs, all
    verify. `jwt_refresh_token_seconds` is how long a session may rest between two refreshes,
    `jwt_session_seconds` how long it may last. `password_hash_memory_kib` and
    `password_hash_time_cost` are argon2id's m and t; logins renew hashes made with less. At most
    `password_hash_concurrency` are made at once, and `password_hash_queue` wait.
    """

    jwt_signing_keys: Annotated[SecretStr, AfterValidator(_usable)] | None = None
    jwt_issuer: str = DEVELOPMENT_ISSUER
    jwt_audience: str = DEVELOPMENT_AUDIENCE
    jwt_access_token_seconds: Annotated[Seconds, Field(le=3600)] = 15 * 60
    jwt_refresh_token_seconds: Seconds = 14 * 24 * 3600
    jwt_session_seconds: Seconds = 90 * 24 * 3600
    password_hash_memory_kib: Annotated[int, Field(ge=8, le=1024 * 1024)] = 19 * 1024
    password_hash_time_cost: Annotated[int, Field(ge=1, le=100)] = 2
    password_hash_concurrency: Annotated[int, Field(ge=1)] = 2
    password_hash_queue: Annotated[int, Field(ge=0)] = 50

    def production_faults(self) -> Iterator[str]:
        if self.jwt_signing_keys is None:
            yield "JWT_SIGNING_KEYS: is required in production"
        if self.jwt_issuer == DEVELOPMENT_ISSUER:
            yield "JWT_ISSUER: is required in production"
        if self.jwt_audience == DEVELOPMENT_AUDIENCE:
            yield "JWT_AUDIENCE: is required in production"
        # The least that OWASP's Password Storage Cheat Sheet offers: 7 MiB, and 5 passes over it.
        if self.password_hash_memory_kib < 7 * 1024:
            yield "PASSWORD_HASH_MEMORY_KIB: must be at least 7168 in production"
        if self.password_hash_memory_kib * self.password_hash_time_cost < 35 * 1024:
            yield "PASSWORD_HASH_TIME_COST: is too low for so little memory"
