"""What the claims of a token say of its caller, in this service's words."""

from collections.abc import Mapping
from typing import Any, Literal
from uuid import NAMESPACE_URL, uuid5

from app.auth.principal import Principal
from app.auth.settings import AuthSettings

Claims = Mapping[str, Any]

# The client that a token was given to, as RFC 9068, OpenID Connect, Okta and Entra ID name it;
# Auth0 makes `client@clients` of it, where that is the subject.
_CLIENT = ("client_id", "azp", "cid", "appid")
_SCOPES = ("scope", "scp")
# What only ID tokens and logout tokens carry.
_OF_OTHER_TOKENS = ("nonce", "at_hash", "c_hash", "s_hash", "events")


def subject_id(issuer: str, sub: str) -> str:
    """The caller's name in this service: a UUID of version 5, made of the issuer and its `sub`.

    It stays the same from token to token, and that of another issuer with the same `sub` differs.
    """
    return str(uuid5(uuid5(NAMESPACE_URL, issuer), sub))


def principal_of(claims: Claims, settings: AuthSettings) -> Principal:
    """The caller; raises ValueError for a token that is not for calling this service."""
    sub = claims.get(settings.oidc_subject_claim)
    if not isinstance(sub, str) or not sub:
        raise ValueError("it has no subject")
    if claims.get("typ", "Bearer") != "Bearer":
        raise ValueError("it calls itself something else than a bearer token")
    # Where `typ` does not say so, an access token is told by what it lacks and by what it has.
    if "typ" not in claims and any(name in claims for name in _OF_OTHER_TOKENS):
        raise ValueError("it is an ID token or a logout token")
    if "typ" not in claims and not any(name in claims for name in (*_CLIENT, *_SCOPES)):
        raise ValueError("it names neither a client nor scopes, as access tokens do")
    if "cnf" in claims:
        raise ValueError("it is bound to a key, which this service does not ask for")
    kind: Literal["user", "machine"] = "machine" if is_machine(claims, settings) else "user"
    roles = {
        settings.oidc_role_map[value]
        for value in _texts(_at(claims, settings.oidc_roles_claim))
        if value in settings.oidc_role_map
    }
    default = settings.oidc_default_role if kind == "user" else settings.oidc_machine_role
    if not roles and default is not None:
        roles = {default}
    return Principal(
        subject=subject_id(settings.oidc_issuer, sub),
        kind=kind,
        roles=frozenset(roles),
        scopes=_scopes(claims) if settings.oidc_scopes_narrow else None,
    )


def is_machine(claims: Claims, settings: AuthSettings) -> bool:
    """Whether a client got the token for itself: there is no user, or the provider says so."""
    named = [name for name in _CLIENT if isinstance(claims.get(name), str)]
    if any(claims["sub"] in {claims[name], f"{claims[name]}@clients"} for name in named):
        return True
    # Keycloak's user behind a client; tokens of people carry no `client_id` there.
    client = claims.get("client_id")
    if client and claims.get("preferred_username") == f"service-account-{client}".lower():
        return True
    return any(claims.get(name) == value for name, value in settings.oidc_machine_claims.items())


def _scopes(claims: Claims) -> frozenset[str] | None:
    """The scopes, as a text (RFC 9068) or a list; None where the token has no such claim."""
    for name in _SCOPES:
        value = claims.get(name)
        if value is not None:
            return frozenset(value.split() if isinstance(value, str) else _texts(value))
    return None


def _at(claims: Claims, path: str) -> object:
    """The claim of that very name, or else what the parts of the name between dots lead to."""
    if path in claims:
        return claims[path]
    found: object = claims
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def _texts(value: object) -> list[str]:
    if value is None:
        return []
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list) or not all(isinstance(part, str) for part in values):
        raise ValueError("its roles or scopes are not texts")
    return values
