"""Tokens of the identity provider as a client sees them."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest

from app.auth.claims import subject_id
from dev.sign_in import sign_in
from tests.support.paths import VERSION_HEADERS, path
from tests.support.probe import probing
from tests.support.providers import Provider, new_keys, own_provider
from tests.support.service import Service, running_service, seconds_until, seconds_until_true
from tests.support.tokens import access_claims, signed, signing_key

ME = path("/users/me")
FIRST, SECOND = new_keys("first"), new_keys("second")


@pytest.fixture
def provider(scratch: Path) -> Iterator[Provider]:
    with own_provider(scratch, FIRST) as running:
        yield running


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}", **VERSION_HEADERS}


def of_machine(issuer: str, name: str, scope: str = "") -> str:
    """The access token of a client for itself."""
    form = {"grant_type": "client_credentials", "scope": scope}
    answer = httpx2.post(f"{issuer}/token", data=form, auth=(name, "development"))
    return str(answer.raise_for_status().json()["access_token"])


def test_a_user_logs_in_at_the_provider(service: Service, anonymous: httpx2.Client) -> None:
    issuer = service.environment["OIDC_ISSUER"]
    for name, role, permissions in (
        ("grace", "member", ["orders:read", "orders:write"]),
        ("alan", "viewer", ["orders:read"]),
    ):
        token = sign_in(issuer, name)["access_token"]
        assert anonymous.get(ME, headers=bearer(token)).raise_for_status().json() == {
            "id": subject_id(issuer, name),
            "kind": "user",
            "roles": [role],
            "permissions": permissions,
        }


def test_a_machine_gets_a_token_for_itself(service: Service, anonymous: httpx2.Client) -> None:
    issuer = service.environment["OIDC_ISSUER"]
    token = of_machine(issuer, "machine", "orders:read")
    me = anonymous.get(ME, headers=bearer(token)).raise_for_status().json()
    assert me["kind"] == "machine"
    assert me["permissions"] == ["orders:read"]
    with probing(service, bearer(of_machine(issuer, "machine", "orders:write"))) as ask:
        assert ask().code == "FORBIDDEN"
    everything = of_machine(issuer, "auditor")
    me = anonymous.get(ME, headers=bearer(everything)).raise_for_status().json()
    assert "audit:read" in me["permissions"]


def test_the_id_token_of_a_login_is_refused(service: Service, anonymous: httpx2.Client) -> None:
    given = sign_in(service.environment["OIDC_ISSUER"], "ada")
    assert anonymous.get(ME, headers=bearer(given["id_token"])).status_code == 401
    assert anonymous.get(ME, headers=bearer(given["access_token"])).status_code == 200


def test_an_owner_is_the_same_with_every_token(service: Service, anonymous: httpx2.Client) -> None:
    names = set()
    for kind, algorithm in (("EC", "ES256"), ("RSA", "RS256")):
        claims = access_claims(service.environment, "lasting", roles=["member"])
        token = signed(claims, key=signing_key(kind), algorithm=algorithm)
        names.add(anonymous.get(ME, headers=bearer(token)).json()["id"])
    assert names == {subject_id(service.environment["OIDC_ISSUER"], "lasting")}


@pytest.mark.parametrize(
    "authorization", ["Bearer", "Bearer x", "Bearer a.b.c", "Basic YTpi", "x", "Bearer x y", ""]
)
def test_a_bad_credential_is_refused(anonymous: httpx2.Client, authorization: str) -> None:
    response = anonymous.get(ME, headers={"Authorization": authorization})
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'
    assert response.json()["error"]["code"] == "UNAUTHENTICATED"


def test_a_missing_credential_is_asked_for(anonymous: httpx2.Client) -> None:
    response = anonymous.get(ME)
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == "Bearer"


def test_an_expired_token_says_so(service: Service, anonymous: httpx2.Client) -> None:
    claims = access_claims(service.environment, "ada", exp=int(time.time()) - 31)
    response = anonymous.get(ME, headers=bearer(signed(claims)))
    assert response.status_code == 401
    assert response.json()["error"]["code"] == "TOKEN_EXPIRED"
    assert response.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'


def test_a_token_ends_in_time_though_it_is_remembered(
    service: Service, anonymous: httpx2.Client
) -> None:
    claims = access_claims(service.environment, "ada", exp=int(time.time()) - 28)
    headers = bearer(signed(claims))
    assert anonymous.get(ME, headers=headers).status_code == 200
    with service.client(headers=headers) as client:
        seconds_until(401, client, ME)
        assert client.get(ME).json()["error"]["code"] == "TOKEN_EXPIRED"


def test_a_token_in_the_query_string_is_refused(service: Service, anonymous: httpx2.Client) -> None:
    token = signed(access_claims(service.environment, "ada"))
    for headers in ({}, bearer(token)):
        response = anonymous.get(ME, params={"access_token": token}, headers=headers)
        assert response.status_code == 401
        assert token not in response.text


def test_a_token_for_another_service_is_refused(service: Service, anonymous: httpx2.Client) -> None:
    for wrong in ({"aud": "urn:invoices"}, {"iss": "https://attacker.example"}):
        token = signed(access_claims(service.environment, "ada", **wrong))
        assert anonymous.get(ME, headers=bearer(token)).status_code == 401


def test_roles_and_scopes_are_mapped_by_configuration(
    start_service: Callable[..., Service],
) -> None:
    service = start_service(
        OIDC_ROLES_CLAIM="realm_access.roles",
        OIDC_ROLE_MAP='{"order-staff": "member"}',
        OIDC_DEFAULT_ROLE="viewer",
        OIDC_SCOPES_NARROW="false",
    )
    staff = {"realm_access": {"roles": ["order-staff", "admin"]}, "scope": "openid"}
    with service.client() as client:
        for claims, role in ((staff, "member"), ({}, "viewer")):
            token = signed(access_claims(service.environment, "ada", **claims))
            assert client.get(ME, headers=bearer(token)).json()["roles"] == [role]


def test_without_the_provider_known_keys_go_on_and_others_are_not_judged(
    provider: Provider, start_service: Callable[..., Service]
) -> None:
    service = start_service(**provider.variables, OIDC_REFRESH_SECONDS="0.2")
    claims = access_claims(provider.variables, "ada", roles=["admin"])
    known = signed(claims, key=signing_key(keys=FIRST))
    fresh = signed({**claims, "jti": "2"}, key=signing_key(keys=FIRST))
    unknown = signed(claims, key=signing_key(keys=SECOND))
    with service.client(headers=VERSION_HEADERS) as client:

        def provider_health() -> str:
            details = client.get("/health/detailed", headers=bearer(known)).json()
            return str(details["parts"]["identity_provider"]["status"])

        assert provider_health() == "ok"
        assert client.get(ME, headers=bearer(unknown)).status_code == 401
        provider.stop()
        seconds_until_true(lambda: provider_health() == "unavailable")
        for token in (known, fresh):
            assert client.get(ME, headers=bearer(token)).status_code == 200
        refused = client.get(ME, headers=bearer(unknown))
        assert refused.status_code == 503
        assert refused.json()["error"]["code"] == "DEPENDENCY_UNAVAILABLE"
        assert client.get("/health/ready").status_code == 200
        assert 'auth_events_total{event="key_refresh",outcome="failure"}' in (
            client.get("/metrics").text
        )
        assert service.logs(event="identity provider unreachable")


def test_a_service_that_starts_without_the_provider_is_ready_once_it_has_keys(
    provider: Provider, environment: dict[str, str], scratch: Path
) -> None:
    provider.stop()
    quick = {"OIDC_RETRY_SECONDS": "0.2", "HTTP_CLIENT_BREAKER_RESET_SECONDS": "0.1"}
    changes = {**provider.variables, **quick}
    token = signed(
        access_claims(provider.variables, "ada", roles=["member"]), key=signing_key(keys=FIRST)
    )
    with (
        running_service(environment, scratch, changes=changes, ready="/health/live") as service,
        service.client(headers=bearer(token)) as client,
    ):
        refused = client.get("/health/ready")
        assert refused.status_code == 503
        assert refused.json()["parts"]["identity_provider_keys"] == "unavailable"
        assert client.get(ME).status_code == 503
        provider.start(FIRST)
        seconds_until(200, client, "/health/ready")
        assert client.get(ME).status_code == 200
        provider.stop()
        assert client.get("/health/ready").status_code == 200


def test_keys_rotate_without_refusing_anybody(
    provider: Provider, start_service: Callable[..., Service]
) -> None:
    service = start_service(**provider.variables, OIDC_RETRY_SECONDS="0.1")
    old, new = (
        signed(access_claims(provider.variables, "ada"), key=signing_key(keys=keys))
        for keys in (FIRST, SECOND)
    )
    with service.client(headers=VERSION_HEADERS) as client:
        assert client.get(ME, headers=bearer(old)).status_code == 200
        provider.start(SECOND, FIRST)
        assert client.get(ME, headers=bearer(new)).status_code == 200
        assert client.get(ME, headers=bearer(old)).status_code == 200
        issued = sign_in(provider.variables["OIDC_ISSUER"], "grace")["access_token"]
        assert client.get(ME, headers=bearer(issued)).status_code == 200


def test_tokens_and_names_stay_out_of_the_log(start_service: Callable[..., Service]) -> None:
    service = start_service(LOG_LEVEL="debug")
    good = signed(access_claims(service.environment, "ada-at-example", roles=["member"]))
    bad = signed(access_claims(service.environment, "ada-at-example", aud="urn:invoices"))
    with service.client() as client:
        statuses = [client.get(ME, headers=bearer(token)).status_code for token in (good, bad)]
    assert statuses == [200, 401]
    output = service.output()
    for secret in (good, bad, "ada-at-example"):
        assert secret not in output
    assert service.logs(event="credentials refused")
