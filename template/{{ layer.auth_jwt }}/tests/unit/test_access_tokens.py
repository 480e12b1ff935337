"""Which access tokens are accepted, and which forgeries and mistakes are not."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from joserfc.jwk import ECKey

from app.auth.keys import new_key, public_jwk
from app.auth.principal import Permission, Role
from app.auth.settings import AuthSettings
from app.auth.tokens import AccessTokens
from app.errors import AppError, ErrorCode

NOW = 1_800_000_000
KEY = new_key()
STRANGE_KEY = new_key()
USER, FAMILY = uuid4(), uuid4()
Json = dict[str, Any]


def tokens(*keys: ECKey, at: float = NOW) -> AccessTokens:
    jwks = {"keys": [key.as_dict(private=key.is_private) for key in keys or (KEY,)]}
    settings = AuthSettings.model_validate(
        {
            "jwt_signing_keys": json.dumps(jwks),
            "jwt_issuer": "https://id.example",
            "jwt_audience": "orders",
        }
    )
    return AccessTokens(settings, clock=lambda: at)


def issued(*keys: ECKey) -> str:
    return tokens(*keys).issue(USER, Role.MEMBER, ["orders:read"], FAMILY)


def encoded(part: Json | bytes) -> str:
    data = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decoded(part: str) -> Json:
    value: Json = json.loads(base64.urlsafe_b64decode(part + "=="))
    return value


def ecdsa(data: bytes, key: ECKey = KEY) -> bytes:
    r, s = decode_dss_signature(key.get_op_key("sign").sign(data, ECDSA(SHA256())))
    return r.to_bytes(32) + s.to_bytes(32)


def forged(
    header: Json | None = None,
    claims: Json | None = None,
    sign: Callable[[bytes], bytes] = ecdsa,
) -> str:
    """A token with changed header and claims, signed with the real key; None leaves one out."""
    head, payload, _ = issued().split(".")
    parts = []
    for part, changes in ((head, header or {}), (payload, claims or {})):
        changed = {**decoded(part), **changes}
        parts.append(encoded({name: v for name, v in changed.items() if v is not None}))
    text = ".".join(parts)
    return f"{text}.{encoded(sign(text.encode()))}"


def refusal(token: str, at: float = NOW) -> ErrorCode:
    with pytest.raises(AppError) as raised:
        tokens(at=at).verify(token)
    assert raised.value.challenge == "invalid_token"
    return raised.value.code


def test_an_issued_token_names_the_caller_and_what_it_may_do() -> None:
    token = tokens().verify(issued())
    assert token.principal.subject == str(USER)
    assert token.principal.roles == {Role.MEMBER}
    assert token.principal.permissions == {Permission.ORDERS_READ}
    assert token.principal.session_id == token.family == str(FAMILY)
    assert token.expires_at == NOW + 900


def test_an_issued_token_carries_every_claim_of_the_contract() -> None:
    header, payload, _ = issued().split(".")
    assert decoded(header) == {"alg": "ES256", "typ": "at+jwt", "kid": KEY.kid}
    claims = decoded(payload)
    assert claims.pop("jti") != decoded(issued().split(".")[1])["jti"]
    assert claims == {
        "iss": "https://id.example",
        "aud": "orders",
        "sub": str(USER),
        "exp": NOW + 900,
        "nbf": NOW,
        "iat": NOW,
        "scope": "orders:read",
        "sid": str(FAMILY),
        "roles": ["member"],
    }


def test_the_forger_used_below_makes_tokens_that_are_accepted() -> None:
    assert tokens().verify(forged()) == tokens().verify(issued())


@pytest.mark.parametrize(
    "header",
    [
        {"typ": "JWT"},
        {"typ": "rt+jwt"},
        {"typ": "id+jwt"},
        {"typ": "AT+JWT"},
        {"typ": None},
        {"kid": None},
        {"kid": "another"},
        {"kid": ["a"]},
        {"kid": STRANGE_KEY.kid},
        {"alg": "none"},
        {"alg": "ES384"},
        {"alg": "ES512"},
        {"alg": "RS256"},
        {"alg": "HS256"},
        {"alg": None},
        {"crit": ["exp"], "exp": NOW + 900},
        {"crit": ["b64"], "b64": False},
        {"b64": True},
        {"zip": "DEF"},
        {"cty": "JWT"},
        {"jwk": public_jwk(STRANGE_KEY)},
        {"jwk": public_jwk(KEY)},
        {"jku": "https://attacker.example/jwks.json"},
        {"x5u": "https://attacker.example/cert.pem"},
        {"x5c": ["MIIB"]},
    ],
    ids=lambda header: json.dumps(header)[:8],
)
def test_any_other_header_is_refused_though_the_signature_is_good(header: Json) -> None:
    assert refusal(forged(header)) is ErrorCode.UNAUTHENTICATED


@pytest.mark.parametrize(
    "claims",
    [
        *({name: None} for name in ("iss", "aud", "sub", "exp", "nbf", "iat", "jti", "scope")),
        {"sid": None},
        {"roles": None},
        {"iss": "https://attacker.example"},
        {"iss": "https://id.example/"},
        {"iss": ["https://id.example"]},
        {"aud": "invoices"},
        {"aud": ["invoices", "payments"]},
        {"aud": []},
        {"aud": ""},
        {"sub": "admin"},
        {"sub": 1},
        {"sid": "1"},
        {"sid": 1},
        {"scope": 1},
        {"scope": ["orders:read"]},
        {"roles": []},
        {"roles": ["root"]},
        {"roles": "admin"},
        {"roles": 1},
        {"exp": "1800000900"},
        {"exp": True},
        {"exp": float("nan")},
        {"exp": float("inf")},
        {"nbf": NOW + 31},
        {"nbf": NOW + 600},
        {"nbf": "now"},
        {"iat": NOW + 31},
        {"iat": NOW + 600},
    ],
    ids=str,
)
def test_a_missing_or_wrong_claim_is_refused_though_the_signature_is_good(claims: Json) -> None:
    assert refusal(forged(claims=claims)) is ErrorCode.UNAUTHENTICATED


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": ["invoices", "orders"]},
        {"nbf": NOW + 29},
        {"iat": NOW + 29},
        {"exp": NOW + 900.5},
        {"exp": 10**400},
        {"scope": ""},
        {"sub": str(USER).upper()},
        {"extra": "claim"},
    ],
    ids=lambda claims: str(claims)[:8],
)
def test_what_the_standards_allow_is_accepted(claims: Json) -> None:
    assert tokens().verify(forged(claims=claims)).principal.subject == str(USER)


@pytest.mark.parametrize("late", [-1, 0, 29])
def test_clocks_may_differ_by_less_than_30_seconds(late: int) -> None:
    assert tokens(at=NOW + 900 + late).verify(issued()).family == str(FAMILY)


@pytest.mark.parametrize("late", [30, 31, 600, 10**9])
def test_an_expired_token_says_that_it_has_expired(late: int) -> None:
    assert refusal(issued(), at=NOW + 900 + late) is ErrorCode.TOKEN_EXPIRED


@pytest.mark.parametrize(
    "sign",
    [
        lambda _: b"",
        lambda _: b"\0" * 64,
        lambda data: ecdsa(data)[:-1],
        lambda data: ecdsa(data + b"x"),
        lambda data: ecdsa(data, STRANGE_KEY),
        lambda data: KEY.get_op_key("sign").sign(data, ECDSA(SHA256())),
    ],
    ids=["empty", "zeros", "short", "other-text", "other-key", "der"],
)
def test_a_wrong_signature_is_refused(sign: Callable[[bytes], bytes]) -> None:
    assert refusal(forged(sign=sign)) is ErrorCode.UNAUTHENTICATED


@pytest.mark.parametrize("form", ["pem", "der", "jwk"])
def test_the_public_key_is_no_secret_for_an_hmac(form: str) -> None:
    secret = {
        "pem": KEY.as_pem(private=False),
        "der": KEY.as_der(private=False),
        "jwk": json.dumps(public_jwk(KEY)).encode(),
    }[form]

    def hs256(data: bytes) -> bytes:
        return hmac.digest(secret, data, hashlib.sha256)

    assert refusal(forged({"alg": "HS256"}, sign=hs256)) is ErrorCode.UNAUTHENTICATED


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "..",
        "...",
        "a.b.c",
        "ü.ü.ü",
        "\ud800.a.b",
        "e30.e30.",
        "bnVsbA.bnVsbA.",
        "a" * 200_000,
    ],
    ids=lambda text: repr(text[:10]),
)
def test_what_is_no_token_is_refused(text: str) -> None:
    assert refusal(text) is ErrorCode.UNAUTHENTICATED


@pytest.mark.parametrize("part", [0, 1, 2])
def test_parts_of_two_tokens_do_not_make_one(part: int) -> None:
    mixed = issued().split(".")
    mixed[part] = forged({"alg": "none"}, {"sub": str(uuid4())}).split(".")[part]
    assert refusal(".".join(mixed)) is ErrorCode.UNAUTHENTICATED


def test_keys_rotate_without_refusing_a_token() -> None:
    old, new = new_key(), new_key()
    early, late = tokens(old, new), tokens(new, old)
    for token in (issued(old, new), issued(new, old)):
        assert early.verify(token) == late.verify(token)
    assert decoded(issued(new, old).split(".")[0])["kid"] == new.kid


def test_a_key_that_is_removed_verifies_no_more() -> None:
    old, new = new_key(), new_key()
    with pytest.raises(AppError):
        tokens(new).verify(issued(old, new))


def test_a_public_key_verifies_the_tokens_of_another_service() -> None:
    other = new_key()
    public_half = ECKey.import_key(public_jwk(other))
    assert tokens(KEY, public_half).verify(issued(other)).family == str(FAMILY)


def test_the_published_keys_verify_and_hold_nothing_private() -> None:
    published = tokens(KEY, STRANGE_KEY).jwks()["keys"]
    assert [key["kid"] for key in published] == [KEY.kid, STRANGE_KEY.kid]
    for key in published:
        assert set(key) == {"kty", "crv", "x", "y", "kid", "use", "alg"}
        assert (key["use"], key["alg"]) == ("sig", "ES256")
