"""Which tokens are accepted: the provider, its discovery and its keys are real."""

import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from joserfc.jwk import ECKey, RSAKey
from joserfc.jws import serialize_compact

from app.auth.principal import Permission, Role
from app.auth.provider import ProviderKeys
from app.auth.settings import AuthSettings
from app.auth.tokens import AccessToken, AccessTokens
from app.errors import AppError, ErrorCode
from app.platform.http_client import HttpClient, HttpClientSettings
from dev.sign_in import sign_in
from tests.support.tokens import access_claims, signed, signing_key

pytestmark = pytest.mark.anyio

LATER = 4_000_000_000
STRANGER = ECKey.generate_key("P-256", {"kid": "stranger"})
Json = dict[str, Any]


@pytest.fixture(scope="module")
async def keys(environment: dict[str, str]) -> AsyncIterator[ProviderKeys]:
    """The keys of the provider that the tests share."""
    http_client = HttpClient(HttpClientSettings())
    found = ProviderKeys(settings(environment), http_client)
    await found.start()
    yield found
    await found.aclose()
    await http_client.aclose()


def settings(environment: Mapping[str, str], **changes: object) -> AuthSettings:
    configured = {name.lower(): environment[name] for name in ("OIDC_ISSUER", "OIDC_AUDIENCE")}
    return AuthSettings.model_validate({**configured, **changes})


@pytest.fixture(scope="module")
def claims(environment: dict[str, str]) -> Json:
    """Those of a valid token."""
    return access_claims(environment, "ada", roles=["member"], scope="orders:read")


@pytest.fixture(scope="module")
def tokens(environment: dict[str, str], keys: ProviderKeys) -> AccessTokens:
    return AccessTokens(settings(environment), keys)


async def refusal(tokens: AccessTokens, text: str) -> ErrorCode:
    with pytest.raises(AppError) as raised:
        await tokens.verify(text)
    assert raised.value.challenge == "invalid_token"
    return raised.value.code


async def test_a_valid_token_names_its_caller(tokens: AccessTokens, claims: Json) -> None:
    token = await tokens.verify(signed(claims))
    assert token.principal.kind == "user"
    assert token.principal.roles == {Role.MEMBER}
    assert token.principal.permissions == {Permission.ORDERS_READ}
    assert token.expires_at == claims["exp"]


@pytest.mark.parametrize(
    ("kind", "algorithm"), [("EC", "ES256"), ("RSA", "RS256"), ("RSA", "PS256"), ("OKP", "EdDSA")]
)
async def test_every_listed_algorithm_is_accepted(
    kind: str, algorithm: str, tokens: AccessTokens, claims: Json
) -> None:
    await tokens.verify(signed(claims, key=signing_key(kind), algorithm=algorithm))


async def test_an_algorithm_that_is_not_listed_is_refused(
    environment: dict[str, str], keys: ProviderKeys, claims: Json
) -> None:
    only = AccessTokens(settings(environment, oidc_algorithms=["RS256"]), keys)
    rsa = signing_key("RSA")
    await only.verify(signed(claims, key=rsa, algorithm="RS256"))
    for text in (signed(claims), signed(claims, key=rsa, algorithm="PS256")):
        assert await refusal(only, text) is ErrorCode.UNAUTHENTICATED


@pytest.mark.parametrize(
    "header",
    [
        {"typ": "JWT"},
        {"typ": "id+jwt"},
        {"typ": "logout+jwt"},
        {"typ": None},
        {"typ": 1},
        {"kid": None},
        {"kid": ""},
        {"kid": ["development-ec"]},
        {"kid": "development-rsa"},
        {"kid": "stranger"},
        {"alg": None},
        {"alg": "none"},
        {"alg": "None"},
        {"alg": "HS256"},
        {"alg": "RS256"},
        {"alg": "ES384"},
        {"alg": "ES256K"},
        {"alg": ["ES256"]},
        {"crit": ["exp"], "exp": 1},
        {"crit": ["b64"], "b64": False},
        {"crit": []},
        {"crit": "exp"},
        {"b64": False},
        {"jwk": STRANGER.as_dict(private=False), "kid": "stranger"},
        {"jku": "https://attacker.example/jwks.json", "kid": "stranger"},
        {"x5u": "https://attacker.example/cert.pem", "kid": "stranger"},
        {"filler": "x" * 1000},
    ],
    ids=lambda header: json.dumps(header)[:24],
)
async def test_a_wrong_header_is_refused_though_the_signature_is_good(
    header: Json, tokens: AccessTokens, claims: Json
) -> None:
    assert await refusal(tokens, signed(claims, header)) is ErrorCode.UNAUTHENTICATED


@pytest.mark.parametrize(
    "header",
    [
        {"typ": "application/at+jwt"},
        {"typ": "AT+JWT"},
        {"x5t": "aB"},
        {"nonce": "of Entra ID"},
        {"jku": "https://attacker.example/jwks.json"},
    ],
    ids=str,
)
async def test_what_a_header_may_have_beside_is_ignored(
    header: Json, tokens: AccessTokens, claims: Json
) -> None:
    await tokens.verify(signed(claims, header))


@pytest.mark.parametrize(
    "changes",
    [
        *({name: None} for name in ("iss", "aud", "sub", "exp", "iat")),
        {"iss": "https://attacker.example"},
        {"iss": ["http://127.0.0.1"]},
        {"aud": "app"},
        {"aud": ["urn:invoices", "app"]},
        {"aud": []},
        {"aud": ""},
        {"aud": "urn:API"},
        {"aud": {"urn:api": True}},
        {"sub": ""},
        {"sub": 1},
        {"exp": "soon"},
        {"exp": True},
        {"exp": float("nan")},
        {"exp": float("inf")},
        {"nbf": LATER},
        {"nbf": "now"},
        {"iat": LATER},
        {"iat": "now"},
        {"scope": 1},
        {"roles": ["admin", "member", 1]},
        {"nonce": "n-0S6_WzA2Mj"},
        {"cnf": {"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}},
    ],
    ids=str,
)
async def test_a_wrong_claim_is_refused_though_the_signature_is_good(
    changes: Json, tokens: AccessTokens, claims: Json
) -> None:
    wrong = {name: v for name, v in {**claims, **changes}.items() if v is not None}
    assert await refusal(tokens, signed(wrong)) is ErrorCode.UNAUTHENTICATED


async def test_an_issuer_that_differs_by_a_slash_is_another(
    tokens: AccessTokens, claims: Json
) -> None:
    wrong = {**claims, "iss": f"{claims['iss']}/"}
    assert await refusal(tokens, signed(wrong)) is ErrorCode.UNAUTHENTICATED


async def test_one_of_several_audiences_is_enough(
    environment: dict[str, str], keys: ProviderKeys, tokens: AccessTokens, claims: Json
) -> None:
    await tokens.verify(signed({**claims, "aud": ["urn:invoices", "urn:api"]}))
    either = AccessTokens(settings(environment, oidc_audience=["urn:api", "urn:old"]), keys)
    await either.verify(signed({**claims, "aud": "urn:old"}))


@pytest.mark.parametrize(
    ("changes", "seconds", "code"),
    [
        ({}, 599 + 30, None),
        ({}, 600 + 30, ErrorCode.TOKEN_EXPIRED),
        ({}, 600 + 600, ErrorCode.TOKEN_EXPIRED),
        ({"nbf": 29}, 0, None),
        ({"nbf": 32}, 0, ErrorCode.UNAUTHENTICATED),
        ({"iat": 29}, 0, None),
        ({"iat": 32}, 0, ErrorCode.UNAUTHENTICATED),
    ],
)
async def test_clocks_may_differ_by_30_seconds(
    changes: dict[str, int],
    seconds: int,
    code: ErrorCode | None,
    environment: dict[str, str],
    keys: ProviderKeys,
    claims: Json,
) -> None:
    now = claims["iat"]
    late = AccessTokens(settings(environment), keys, clock=lambda: now + seconds)
    text = signed({**claims, **{name: now + value for name, value in changes.items()}})
    if code is None:
        assert not late.expired(await late.verify(text))
    else:
        assert await refusal(late, text) is code


async def test_a_wrong_signature_is_refused(tokens: AccessTokens, claims: Json) -> None:
    good = signed(claims)
    text, _, signature = good.rpartition(".")
    others = signed({**claims, "sub": "grace"}).rpartition(".")[2]
    as_known = signed(claims, {"kid": signing_key().kid}, STRANGER).rpartition(".")[2]
    for wrong in ("", "AA", signature[:-4], signature + "AAAA", others, as_known, "A" * 86):
        assert await refusal(tokens, f"{text}.{wrong}") is ErrorCode.UNAUTHENTICATED


@pytest.mark.parametrize("form", ["pem", "der", "jwk"])
async def test_a_public_key_is_no_secret_for_an_hmac(
    form: str, tokens: AccessTokens, claims: Json
) -> None:
    key = signing_key("RSA")
    public = RSAKey.import_key(key.as_dict(private=False))
    secret = {
        "pem": public.as_pem(private=False),
        "der": public.as_der(private=False),
        "jwk": json.dumps(public.as_dict()).encode(),
    }[form]
    good = signed(claims, {"alg": "HS256"}, key, "RS256").rpartition(".")[0]
    digest = hmac.digest(secret, good.encode(), hashlib.sha256)
    forged = f"{good}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"
    assert await refusal(tokens, forged) is ErrorCode.UNAUTHENTICATED


@pytest.mark.parametrize(
    "text",
    [
        ".",
        "..",
        "...",
        "a.b.c",
        "a.b.c.d.e",
        "ü.ü.ü",
        "\ud800.a.b",
        "e30.e30.",
        "W10.e30.AA",
        "eyJhbGciOiJub25lIn0.e30.",
        "a" * 20_000,
    ],
    ids=lambda text: repr(text[:12]),
)
async def test_what_is_no_token_is_refused(text: str, tokens: AccessTokens) -> None:
    assert await refusal(tokens, text) is ErrorCode.UNAUTHENTICATED


async def test_claims_that_nest_too_deep_are_refused(tokens: AccessTokens) -> None:
    key = signing_key()
    text = serialize_compact({"alg": "ES256", "kid": key.kid, "typ": "at+jwt"}, b"[" * 5000, key)
    assert await refusal(tokens, text) is ErrorCode.UNAUTHENTICATED


async def test_a_token_that_fits_no_header_is_not_even_looked_at(
    tokens: AccessTokens, claims: Json
) -> None:
    long = signed({**claims, "groups": [f"group-{number}" for number in range(2000)]})
    assert await refusal(tokens, long) is ErrorCode.UNAUTHENTICATED
    fitting = signed({**claims, "groups": [f"group-{number}" for number in range(500)]})
    await tokens.verify(fitting)


@pytest.mark.parametrize("types", [["at+jwt"], ["JWT", "at+jwt"]])
async def test_an_id_token_of_the_provider_is_never_accepted(
    types: list[str], environment: dict[str, str], keys: ProviderKeys
) -> None:
    given = sign_in(environment["OIDC_ISSUER"], "ada")
    # As if somebody had made the client's own name an audience.
    audience = [environment["OIDC_AUDIENCE"], "app"]
    loose = AccessTokens(
        settings(environment, oidc_token_types=types, oidc_audience=audience), keys
    )
    assert await refusal(loose, given["id_token"]) is ErrorCode.UNAUTHENTICATED
    assert isinstance(await loose.verify(given["access_token"]), AccessToken)


async def test_tokens_typed_jwt_are_accepted_where_the_provider_makes_such(
    environment: dict[str, str], keys: ProviderKeys, tokens: AccessTokens, claims: Json
) -> None:
    loose = AccessTokens(settings(environment, oidc_token_types=["JWT"]), keys)
    for header in ({"typ": "JWT"}, {"typ": None}):
        text = signed(claims, header)
        assert (await loose.verify(text)).principal.roles == {Role.MEMBER}
        assert await refusal(tokens, text) is ErrorCode.UNAUTHENTICATED
