"""Settings of the identity provider, and of what its tokens mean here."""

import json
from collections.abc import Iterator
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_settings import NoDecode

from app.auth.principal import Role
from app.platform.configuration import CommaSeparated, SettingsGroup

DEVELOPMENT_ISSUER = "http://127.0.0.1:9400"
DEVELOPMENT_AUDIENCE = "urn:development"

# Without `none`, and without HMAC, with which whoever can verify a token can also make one.
ASYMMETRIC = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"}
    | {"EdDSA", "Ed25519"}
)

Seconds = Annotated[float, Field(gt=0)]


def _usable_issuer(text: str) -> str:
    # Blanks are passed over by urlsplit, and a port is looked at only where it is asked for.
    if text.split() != [text]:
        raise ValueError("must be a URL without blanks")
    url = urlsplit(text)
    if url.port == 0:
        raise ValueError("must not have the port 0")
    if url.scheme not in {"https", "http"} or not url.hostname or "@" in url.netloc:
        raise ValueError("must be an https URL without credentials")
    if url.query or url.fragment:
        raise ValueError("must be a URL without query and fragment")
    return text


def _not_empty(names: tuple[str, ...]) -> tuple[str, ...]:
    if not names:
        raise ValueError("must name at least one")
    return names


def _asymmetric(names: tuple[str, ...]) -> tuple[str, ...]:
    if unknown := set(names) - ASYMMETRIC:
        raise ValueError(f"cannot be {', '.join(sorted(unknown))}")
    return _not_empty(names)


def _parsed(value: object) -> object:
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError:
        raise ValueError("must be a JSON object") from None


Names = Annotated[CommaSeparated, AfterValidator(_not_empty)]
Roles = Annotated[dict[str, Role], NoDecode, BeforeValidator(_parsed)]
Texts = Annotated[dict[str, str], NoDecode, BeforeValidator(_parsed)]


class AuthSettings(SettingsGroup):
    """`OIDC_*`.

    `oidc_issuer` is compared as it is written, a slash at its end included. A token is for this
    service when it names one of `oidc_audience`. `oidc_subject_claim` says who the caller is: it
    must never change nor be given to somebody else. `oidc_roles_claim` is the path of a claim, such
    as `realm_access.roles`, and `oidc_role_map` says which of its values means which role. A user
    without any has `oidc_default_role`, a machine `oidc_machine_role`; `oidc_machine_claims` are
    claims by which the provider marks machines.
    """

    oidc_issuer: Annotated[str, AfterValidator(_usable_issuer)] = DEVELOPMENT_ISSUER
    oidc_allow_http: bool = False
    oidc_audience: Names = (DEVELOPMENT_AUDIENCE,)
    oidc_algorithms: Annotated[CommaSeparated, AfterValidator(_asymmetric)] = (
        "RS256",
        "ES256",
        "PS256",
        "EdDSA",
    )
    oidc_token_types: Names = ("at+jwt",)
    oidc_subject_claim: str = "sub"
    oidc_roles_claim: str = "roles"
    oidc_role_map: Roles = Field(default={role.value: role for role in Role})
    oidc_default_role: Role | None = None
    oidc_machine_role: Role | None = None
    oidc_machine_claims: Texts = Field(default={"gty": "client-credentials", "idtyp": "app"})
    oidc_scopes_narrow: bool = True
    oidc_timeout_seconds: Seconds = 3.0
    oidc_refresh_seconds: Seconds = 300.0
    oidc_retry_seconds: Seconds = 10.0
    oidc_keys_max_age_seconds: Seconds = 24 * 3600.0

    def production_faults(self) -> Iterator[str]:
        if self.oidc_issuer == DEVELOPMENT_ISSUER:
            yield "OIDC_ISSUER: is required in production"
        elif not self.oidc_issuer.startswith("https:") and not self.oidc_allow_http:
            yield "OIDC_ALLOW_HTTP: is needed for an issuer without TLS, which a mesh may encrypt"
        if DEVELOPMENT_AUDIENCE in self.oidc_audience:
            yield "OIDC_AUDIENCE: is required in production"
        if self.oidc_default_role is Role.ADMIN:
            yield "OIDC_DEFAULT_ROLE: must not make everybody at the provider an admin"
        if self.oidc_keys_max_age_seconds <= self.oidc_refresh_seconds:
            yield "OIDC_KEYS_MAX_AGE_SECONDS: must be longer than OIDC_REFRESH_SECONDS"
