"""Access tokens, refresh tokens and their end as a client sees them."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import UUID

import httpx2
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from app.auth.principal import Role
from app.auth.settings import AuthSettings
from app.auth.tokens import AccessTokens
from tests.support.accounts import PASSWORD, attempt, log_in, new_email, register
from tests.support.paths import path
from tests.support.probe import probing
from tests.support.service import Service

ME, REFRESH, REVOKE = path("/users/me"), path("/auth/refresh"), path("/auth/revoke")
JWKS = "/.well-known/jwks.json"
Tokens = dict[str, str]


@pytest.fixture(scope="module")
def email(service: Service) -> str:
    address = new_email()
    register(service, address)
    return address


@pytest.fixture
def tokens(service: Service, email: str) -> Tokens:
    return log_in(service, email)


def bearer(tokens: Tokens) -> dict[str, str]:
    return {"Authorization": f"Bearer {tokens['access_token']}"}


def alive(client: httpx2.Client, tokens: Tokens) -> bool:
    response = client.get(ME, headers=bearer(tokens))
    assert response.status_code in {200, 401}
    return response.status_code == 200


def refresh(client: httpx2.Client, tokens: Tokens) -> httpx2.Response:
    return client.post(REFRESH, json={"refresh_token": tokens["refresh_token"]})


def test_a_login_gives_tokens(anonymous: httpx2.Client, email: str) -> None:
    tokens = attempt(anonymous, email).json()
    assert set(tokens) == {"access_token", "token_type", "expires_in", "refresh_token", "scope"}
    assert (tokens["token_type"], tokens["expires_in"]) == ("Bearer", 900)
    assert tokens["scope"] == "orders:read orders:write"


@pytest.mark.parametrize(
    "authorization",
    [
        "Bearer",
        "Bearer x",
        "Bearer a.b.c",
        "Basic YTpi",
        "Token x",
        "x",
        "Bearer x y",
        "",
    ],
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


def test_the_scheme_is_not_case_sensitive(anonymous: httpx2.Client, tokens: Tokens) -> None:
    headers = {"Authorization": f"bEARER  {tokens['access_token']}"}
    assert anonymous.get(ME, headers=headers).status_code == 200


def test_a_token_in_the_query_string_is_refused(anonymous: httpx2.Client, tokens: Tokens) -> None:
    query = {"access_token": tokens["access_token"]}
    for headers in ({}, bearer(tokens)):
        response = anonymous.get(ME, params=query, headers=headers)
        assert response.status_code == 401
        assert tokens["access_token"] not in response.text


def test_a_refresh_token_is_no_access_token(anonymous: httpx2.Client, tokens: Tokens) -> None:
    assert not alive(anonymous, {"access_token": tokens["refresh_token"]})


def test_an_access_token_is_no_refresh_token(anonymous: httpx2.Client, tokens: Tokens) -> None:
    assert refresh(anonymous, {"refresh_token": tokens["access_token"]}).status_code == 401
    assert alive(anonymous, tokens)


@pytest.mark.parametrize(
    ("age", "code"), [(900 + 20, None), (900 + 40, "TOKEN_EXPIRED"), (1500, "TOKEN_EXPIRED")]
)
def test_an_expired_token_is_told_from_a_bad_one(
    anonymous: httpx2.Client, service: Service, tokens: Tokens, age: int, code: str | None
) -> None:
    keys = Path(service.environment["JWT_SIGNING_KEYS_FILE"]).read_text()
    settings = AuthSettings.model_validate({"jwt_signing_keys": keys})
    claims = jwt.decode(
        tokens["access_token"], KeySet.import_key_set(anonymous.get(JWKS).json())
    ).claims
    issuer = AccessTokens(settings, clock=lambda: time.time() - age)
    token = issuer.issue(UUID(claims["sub"]), Role.MEMBER, ["orders:read"], UUID(claims["sid"]))
    response = anonymous.get(ME, headers={"Authorization": f"Bearer {token}"})
    assert response.status_code == (401 if code else 200)
    if code:
        assert response.json()["error"]["code"] == code
        assert response.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'


def test_the_published_keys_verify_a_token_and_may_be_cached(
    anonymous: httpx2.Client, tokens: Tokens
) -> None:
    response = anonymous.get(JWKS)
    assert response.headers["Cache-Control"] == "public, max-age=300"
    assert response.headers["Content-Type"] == "application/json"
    assert '"d"' not in response.text
    keys = KeySet.import_key_set(response.json())
    decoded = jwt.decode(tokens["access_token"], keys, algorithms=["ES256"])
    assert decoded.header["typ"] == "at+jwt"
    again = anonymous.get(JWKS, headers={"If-None-Match": response.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert anonymous.get(JWKS, headers={"If-None-Match": '"other"'}).status_code == 200
    assert anonymous.head(JWKS).status_code == 200


@pytest.mark.parametrize("form", [False, True])
def test_a_refresh_gives_new_tokens(anonymous: httpx2.Client, tokens: Tokens, form: bool) -> None:
    body = {"refresh_token": tokens["refresh_token"]}
    if form:
        response = anonymous.post(REFRESH, data={"grant_type": "refresh_token", **body})
    else:
        response = anonymous.post(REFRESH, json=body)
    assert response.status_code == 200
    assert response.headers["Cache-Control"] == "no-store"
    new = response.json()
    assert set(new) == set(tokens)
    assert new["refresh_token"] != tokens["refresh_token"]
    assert new["access_token"] != tokens["access_token"]
    assert new["scope"] == tokens["scope"]
    assert alive(anonymous, new)
    assert alive(anonymous, tokens)


def test_a_refresh_token_used_twice_ends_its_family_and_no_other(
    anonymous: httpx2.Client, service: Service, email: str, tokens: Tokens
) -> None:
    other_family = log_in(service, email)
    second = refresh(anonymous, tokens).json()
    third = refresh(anonymous, second).json()
    reused = refresh(anonymous, tokens)
    assert reused.status_code == 401
    assert reused.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'
    for family_member in (tokens, second, third):
        assert not alive(anonymous, family_member)
        assert refresh(anonymous, family_member).status_code == 401
    assert alive(anonymous, other_family)
    assert refresh(anonymous, other_family).status_code == 200


def test_two_refreshes_at_once_are_one_too_many(
    anonymous: httpx2.Client, service: Service, email: str
) -> None:
    with ThreadPoolExecutor(4) as threads:
        for _ in range(5):
            tokens = log_in(service, email)
            answers = list(threads.map(refresh, [anonymous] * 4, [tokens] * 4))
            statuses = sorted(answer.status_code for answer in answers)
            assert statuses == [200, 401, 401, 401], [answer.text for answer in answers]
            (won,) = (answer.json() for answer in answers if answer.status_code == 200)
            assert not alive(anonymous, won)
            assert refresh(anonymous, won).status_code == 401


@pytest.mark.parametrize("body", [{}, {"refresh_token": ""}, {"refresh_token": 1}, [], "x"])
def test_a_refresh_without_a_token_is_a_fault(anonymous: httpx2.Client, body: object) -> None:
    response = anonymous.post(REFRESH, json=body)
    assert response.status_code == 422
    assert set(response.json()) == {"error"}


@pytest.mark.parametrize("token", ["x", "a" * 65, "é" * 65, "🦊"])
def test_an_unknown_refresh_token_is_refused(anonymous: httpx2.Client, token: str) -> None:
    assert refresh(anonymous, {"refresh_token": token}).status_code == 401


def test_a_narrowed_scope_stays_narrow(
    anonymous: httpx2.Client, service: Service, email: str
) -> None:
    tokens = log_in(service, email, scope="orders:write")
    refreshed = anonymous.post(
        REFRESH,
        data={"refresh_token": tokens["refresh_token"], "scope": "orders:read orders:write"},
    ).json()
    assert refreshed["scope"] == "orders:write"
    with probing(service, bearer(refreshed)) as list_orders:
        assert list_orders().code == "FORBIDDEN"


@pytest.mark.parametrize("kind", ["refresh_token", "access_token"])
@pytest.mark.parametrize("form", [True, False])
def test_revoking_either_token_ends_both(
    anonymous: httpx2.Client, tokens: Tokens, kind: str, form: bool
) -> None:
    body = {"token": tokens[kind], "token_type_hint": kind}
    for _ in range(2):
        response = anonymous.post(REVOKE, data=body) if form else anonymous.post(REVOKE, json=body)
        assert response.status_code == 200
    assert not alive(anonymous, tokens)
    assert refresh(anonymous, tokens).status_code == 401


@pytest.mark.parametrize("token", ["x", "a" * 65, "a.b.c", "é"])
def test_revoking_an_unknown_token_is_no_error(anonymous: httpx2.Client, token: str) -> None:
    assert anonymous.post(REVOKE, data={"token": token}).status_code == 200


def test_revoke_all_ends_every_session_of_the_account(
    anonymous: httpx2.Client, service: Service, email: str, tokens: Tokens, member: httpx2.Client
) -> None:
    sessions = [tokens, log_in(service, email), log_in(service, email)]
    response = anonymous.post(path("/auth/revoke-all"), headers=bearer(tokens))
    assert (response.status_code, response.content) == (204, b"")
    for session in sessions:
        assert not alive(anonymous, session)
        assert refresh(anonymous, session).status_code == 401
    assert member.get(ME).status_code == 200
    assert alive(anonymous, log_in(service, email))


@pytest.mark.parametrize(
    ("method", "url"),
    [("GET", ME), ("PUT", f"{ME}/password"), ("POST", path("/auth/revoke-all"))],
)
def test_what_belongs_to_an_account_needs_a_token_before_a_body(
    anonymous: httpx2.Client, method: str, url: str
) -> None:
    response = anonymous.request(method, url, content=b"{", headers={"Content-Type": "text/x"})
    assert response.status_code == 401


def test_a_new_password_ends_the_other_tokens(anonymous: httpx2.Client, service: Service) -> None:
    address = new_email()
    register(service, address)
    this, other = log_in(service, address), log_in(service, address)
    body = {"current_password": PASSWORD, "new_password": "violet-teapot-4821"}
    anonymous.put(f"{ME}/password", json=body, headers=bearer(this)).raise_for_status()
    assert [alive(anonymous, this), alive(anonymous, other)] == [True, False]
    assert [refresh(anonymous, it).status_code for it in (this, other)] == [200, 401]


def test_refreshing_is_audited(
    anonymous: httpx2.Client, service: Service, admin: httpx2.Client
) -> None:
    address = new_email()
    register(service, address)
    tokens = log_in(service, address)
    user_id = anonymous.get(ME, headers=bearer(tokens)).json()["id"]
    assert [refresh(anonymous, tokens).status_code for _ in range(2)] == [200, 401]
    events = admin.get(path("/audit-events"), params={"object": f"user/{user_id}"}).json()["data"]
    assert [(event["action"], event["outcome"]) for event in events[:2]] == [
        ("auth.refresh_token_reused", "failure"),
        ("auth.refresh", "success"),
    ]


def test_no_token_reaches_the_log(
    anonymous: httpx2.Client, service: Service, tokens: Tokens
) -> None:
    attempt(anonymous, new_email(), "a-password-of-nobody")
    assert alive(anonymous, tokens)
    anonymous.get(ME, params={"access_token": tokens["access_token"]})
    refresh(anonymous, tokens)
    output = service.output()
    for secret in ("a-password-of-nobody", tokens["access_token"], tokens["refresh_token"]):
        assert secret not in output
