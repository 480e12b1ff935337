"""What tokens of different providers mean."""

from typing import Any
from uuid import UUID

import pytest

from app.auth.claims import principal_of, subject_id
from app.auth.principal import Permission, Principal, Role
from app.auth.settings import AuthSettings

ISSUER = "https://id.example"
Json = dict[str, Any]

# As the documentation of each provider shows its access tokens.
RFC_9068 = {"sub": "5ba552d67", "client_id": "s6BhdRkqt3", "roles": ["member"]}
KEYCLOAK = {
    "sub": "0d2f7c6e-0c1a-4d3c-9d59-6a3a4e6f0f11",
    "typ": "Bearer",
    "azp": "web",
    "preferred_username": "ada",
    "realm_access": {"roles": ["offline_access", "member"]},
    "resource_access": {"orders": {"roles": ["admin"]}},
}
KEYCLOAK_MACHINE = {
    **KEYCLOAK,
    "azp": "Robot",
    "client_id": "Robot",
    "preferred_username": "service-account-robot",
}
ENTRA = {"sub": "AAAAAAAAAAAAAAAAAAAAA", "azp": "b1e4", "scp": "orders:read", "roles": ["member"]}
ENTRA_MACHINE = {"sub": "0aeb", "oid": "0aeb", "azp": "b1e4", "idtyp": "app", "roles": ["member"]}
AUTH0 = {"sub": "auth0|5f7c8ec7", "azp": "web", "scope": "openid", "permissions": ["orders:read"]}
AUTH0_MACHINE = {"sub": "robot@clients", "azp": "robot", "gty": "client-credentials"}
AUTH0_MACHINE_9068 = {"sub": "robot@clients", "client_id": "robot"}
OKTA = {"sub": "ada@example.com", "cid": "0oa1", "uid": "00u1", "scp": ["orders:read"]}
OKTA_MACHINE = {"sub": "0oa1", "cid": "0oa1", "scp": ["orders:read"]}
# An ID token of an application without a nonce, whose `typ` and times look like any token's.
ENTRA_ID_TOKEN = {"sub": "AAAA", "oid": "b1e4", "name": "Ada", "ver": "2.0", "roles": ["admin"]}


def principal(claims: Json, **settings: object) -> Principal:
    return principal_of(claims, AuthSettings.model_validate({"oidc_issuer": ISSUER, **settings}))


@pytest.mark.parametrize("claims", [RFC_9068, KEYCLOAK, ENTRA, AUTH0, OKTA])
def test_people_are_users(claims: Json) -> None:
    assert principal(claims).kind == "user"


@pytest.mark.parametrize(
    "claims",
    [
        {**RFC_9068, "sub": RFC_9068["client_id"]},
        KEYCLOAK_MACHINE,
        ENTRA_MACHINE,
        AUTH0_MACHINE,
        AUTH0_MACHINE_9068,
        OKTA_MACHINE,
    ],
)
def test_clients_that_act_for_themselves_are_machines(claims: Json) -> None:
    assert principal(claims).kind == "machine"


@pytest.mark.parametrize(
    "claims",
    [
        {**KEYCLOAK, "preferred_username": "service-account-robot"},
        {**KEYCLOAK_MACHINE, "preferred_username": "service-account-other"},
        {**AUTH0, "gty": "password"},
        {**ENTRA, "idtyp": "user"},
        {"sub": "other@clients", "azp": "robot"},
        {"sub": "ada", "client_id": ["ada"]},
        {"sub": "ada", "scope": "", "preferred_username": "service-account-"},
    ],
)
def test_nobody_becomes_a_machine_by_their_name(claims: Json) -> None:
    assert principal(claims).kind == "user"


def test_what_marks_a_machine_is_a_setting() -> None:
    claims = {"sub": "robot", "client_id": "batch", "principal_type": "service"}
    assert principal(claims).kind == "user"
    assert principal(claims, oidc_machine_claims={"principal_type": "service"}).kind == "machine"


@pytest.mark.parametrize(
    ("path", "claims", "roles"),
    [
        ("roles", RFC_9068, {Role.MEMBER}),
        ("realm_access.roles", KEYCLOAK, {Role.MEMBER}),
        ("resource_access.orders.roles", KEYCLOAK, {Role.ADMIN}),
        ("https://orders.example/roles", {"https://orders.example/roles": ["viewer"]}, {"viewer"}),
        ("role", {"role": "admin"}, {Role.ADMIN}),
        ("roles", {"roles": []}, set()),
        ("roles", {"roles": ["root", "ADMIN", " admin"]}, set()),
        ("roles", {"roles": ["viewer", "member"]}, {Role.VIEWER, Role.MEMBER}),
        ("roles.admin", {"roles": ["admin"]}, set()),
        ("groups", {}, set()),
    ],
)
def test_roles_are_found_by_the_path_of_their_claim(
    path: str, claims: Json, roles: set[str]
) -> None:
    found = principal({"sub": "ada", "client_id": "web", **claims}, oidc_roles_claim=path)
    assert found.roles == roles


def test_the_values_of_the_provider_are_mapped_to_roles() -> None:
    groups = {"5b1a": "admin", "CN=Staff,DC=example": "member"}
    for group, role in groups.items():
        claims = {"sub": "ada", "client_id": "web", "groups": [group, "other", "viewer"]}
        found = principal(claims, oidc_roles_claim="groups", oidc_role_map=groups)
        assert found.roles == {role}


def test_without_a_role_nothing_is_allowed() -> None:
    assert principal({"sub": "ada", "scope": "orders:read audit:read"}).permissions == set()


def test_users_and_machines_without_a_role_have_that_of_the_settings() -> None:
    roles = {"oidc_default_role": "viewer", "oidc_machine_role": "member"}
    assert principal(AUTH0, **roles).roles == {Role.VIEWER}
    assert principal(AUTH0_MACHINE, **roles).roles == {Role.MEMBER}
    assert principal(AUTH0, oidc_machine_role="member").roles == set()
    assert principal(AUTH0_MACHINE, oidc_default_role="member").roles == set()
    assert principal({**AUTH0, "roles": ["admin"]}, **roles).roles == {Role.ADMIN}


@pytest.mark.parametrize(
    ("claims", "permissions"),
    [
        ({}, {"orders:read", "orders:write"}),
        ({"scope": "openid orders:read"}, {"orders:read"}),
        ({"scp": "orders:write"}, {"orders:write"}),
        ({"scp": ["orders:read", "email"]}, {"orders:read"}),
        ({"scope": ""}, set()),
        ({"scp": []}, set()),
        ({"scope": "openid profile"}, set()),
        ({"scope": "orders:read_all audit:read ops:read"}, set()),
        ({"scope": "orders:read", "scp": ["orders:write"]}, {"orders:read"}),
    ],
)
def test_scopes_narrow_the_roles_and_never_widen_them(claims: Json, permissions: set[str]) -> None:
    assert principal({**RFC_9068, **claims}).permissions == permissions


def test_scopes_of_another_vocabulary_can_be_left_alone() -> None:
    claims = {**RFC_9068, "scope": "openid profile"}
    assert Permission.ORDERS_WRITE in principal(claims, oidc_scopes_narrow=False).permissions


def test_a_subject_stays_the_same_and_belongs_to_its_issuer() -> None:
    here = principal(RFC_9068)
    assert principal({**RFC_9068, "jti": "2", "roles": []}).subject == here.subject
    assert here.subject == subject_id(ISSUER, "5ba552d67") == str(UUID(here.subject))
    assert principal(RFC_9068, oidc_issuer=f"{ISSUER}/").subject != here.subject
    assert principal({**RFC_9068, "sub": "5BA552D67"}).subject != here.subject


def test_the_claim_that_names_the_caller_is_a_setting() -> None:
    # In Entra ID `sub` differs from application to application, and `oid` does not.
    one = {"sub": "A", "oid": "b1e4", "azp": "web"}
    other = {"sub": "B", "oid": "b1e4", "azp": "phone"}
    known = [principal(claims, oidc_subject_claim="oid").subject for claims in (one, other)]
    assert known == [subject_id(ISSUER, "b1e4")] * 2
    assert principal(one).subject != principal(other).subject
    with pytest.raises(ValueError, match="subject"):
        principal(RFC_9068, oidc_subject_claim="oid")


@pytest.mark.parametrize(
    "claims",
    [
        {"sub": ""},
        {"sub": 1},
        {"nonce": "n-0S6_WzA2Mj"},
        {"at_hash": "77QmUPtjPfzWtF2AnpK9RQ"},
        {"c_hash": "LDktKdoQak3Pk0cnXxCltA"},
        {"events": {"http://schemas.openid.net/event/backchannel-logout": {}}},
        {"typ": "ID"},
        {"typ": "Refresh"},
        {"typ": "Logout"},
        {"cnf": {"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}},
        {"scope": 1},
        {"scp": [1]},
        {"scp": {"orders:read": True}},
        {"roles": [["admin"]]},
        {"roles": {"admin": True}},
        {"roles": True},
    ],
    ids=str,
)
def test_what_is_no_access_token_is_refused(claims: Json) -> None:
    with pytest.raises(ValueError, match="it"):
        principal({**RFC_9068, **claims})


def test_what_names_neither_a_client_nor_scopes_is_no_access_token() -> None:
    with pytest.raises(ValueError, match="neither"):
        principal(ENTRA_ID_TOKEN)
    for name in ("client_id", "azp", "cid", "appid", "scope", "scp"):
        assert principal({**ENTRA_ID_TOKEN, name: "web"}).roles == {Role.ADMIN}
    assert principal({**ENTRA_ID_TOKEN, "typ": "Bearer"}).roles == {Role.ADMIN}


def test_a_nonce_is_no_matter_where_the_token_says_what_it_is() -> None:
    assert principal({**KEYCLOAK, "nonce": "of older releases"}).kind == "user"
