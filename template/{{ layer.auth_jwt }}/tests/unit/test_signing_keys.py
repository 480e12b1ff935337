"""Which keys the settings take."""

import json
from pathlib import Path

import pytest
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from app.auth.keys import new_key, parse_keys
from app.auth.settings import AuthSettings
from app.auth.tokens import AccessTokens
from app.platform.configuration import ConfigurationError

KEY, OTHER = new_key(), new_key()
OPENSSL_PARAMETERS = (
    "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
)


def pem(key: ECKey, *, private: bool = True) -> str:
    return key.as_pem(private=private).decode()


def jwks(*keys: ECKey) -> str:
    return json.dumps({"keys": [key.as_dict(private=key.is_private) for key in keys]})


@pytest.mark.parametrize(
    ("text", "kids"),
    [
        (pem(KEY), [KEY.thumbprint()]),
        (OPENSSL_PARAMETERS + pem(KEY), [KEY.thumbprint()]),
        (pem(KEY).replace("\n", "\\n"), [KEY.thumbprint()]),
        (pem(KEY) + pem(OTHER), [KEY.thumbprint(), OTHER.thumbprint()]),
        (pem(KEY) + pem(OTHER, private=False), [KEY.thumbprint(), OTHER.thumbprint()]),
        (jwks(KEY, OTHER), [KEY.kid, OTHER.kid]),
        (json.dumps({**KEY.as_dict(private=True), "kid": "mine", "key_ops": ["sign"]}), ["mine"]),
    ],
    ids=["pem", "openssl", "one-line", "two", "public-second", "jwks", "jwk"],
)
def test_keys_are_read_from_pem_and_jwks(text: str, kids: list[str]) -> None:
    assert [key.kid for key in parse_keys(text)] == kids


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "holds no key"),
        ("secret", "holds no key"),
        ("{", "not valid JSON"),
        ('{"keys": 1}', "not a JWKS"),
        ('{"keys": []}', "holds no key"),
        ('{"keys": [{}]}', "key 1 is not a usable EC key"),
        (json.dumps(OctKey.generate_key(256).as_dict(private=True)), "not a usable EC key"),
        (json.dumps(OKPKey.generate_key("Ed25519").as_dict(private=True)), "not a usable EC key"),
        (RSAKey.generate_key(2048).as_pem(private=True).decode(), "not a usable EC key"),
        (pem(ECKey.generate_key("P-384")), "on the curve P-384"),
        (pem(ECKey.generate_key("secp256k1")), "on the curve secp256k1"),
        (pem(KEY) + pem(ECKey.generate_key("P-521")), "key 2 is on the curve P-521"),
        (pem(KEY, private=False), "must be a private key"),
        (pem(KEY) + pem(KEY), "same kid"),
        (pem(KEY)[:80] + pem(KEY)[-40:], "not a usable EC key"),
    ],
    ids=[
        *("empty", "text", "broken JSON", "no list", "no keys", "no members", "symmetric"),
        *("Ed25519", "RSA", "P-384", "secp256k1", "P-521 second", "public", "twice", "cut short"),
    ],
)
def test_other_keys_are_refused_without_quoting_them(text: str, fault: str) -> None:
    with pytest.raises(ValueError, match=fault) as raised:
        parse_keys(text)
    assert len(text) < 10 or text[:60] not in str(raised.value)


def test_production_names_every_fault() -> None:
    faults = list(AuthSettings().production_faults())
    assert [fault.partition(":")[0] for fault in faults] == [
        "JWT_SIGNING_KEYS",
        "JWT_ISSUER",
        "JWT_AUDIENCE",
    ]


@pytest.mark.parametrize(
    ("text", "fault"),
    [("x", "holds no key"), (pem(ECKey.generate_key("P-384")), "key 1 is on the curve P-384")],
    ids=["no key", "another curve"],
)
def test_an_unusable_key_stops_the_service_everywhere(
    monkeypatch: pytest.MonkeyPatch, text: str, fault: str
) -> None:
    monkeypatch.delenv("JWT_SIGNING_KEYS_FILE", raising=False)
    monkeypatch.setenv("JWT_SIGNING_KEYS", text)
    with pytest.raises(ConfigurationError, match=f"JWT_SIGNING_KEYS: {fault}"):
        AuthSettings.load()


def test_keys_are_read_from_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "keys.pem"
    file.write_text(pem(KEY) + pem(OTHER))
    monkeypatch.delenv("JWT_SIGNING_KEYS", raising=False)
    monkeypatch.setenv("JWT_SIGNING_KEYS_FILE", str(file))
    published = AccessTokens(AuthSettings.load()).jwks()["keys"]
    assert [key["kid"] for key in published] == [KEY.thumbprint(), OTHER.thumbprint()]


def test_settings_never_show_the_keys() -> None:
    assert "PRIVATE" not in repr(AuthSettings.model_validate({"jwt_signing_keys": pem(KEY)}))
