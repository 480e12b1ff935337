"""Which keys of a provider are used."""

from typing import Any

import pytest
from joserfc.jwk import ECKey, OctKey
from joserfc.util import urlsafe_b64encode

from app.auth.keys import MOST_KEYS, parse_jwks
from dev.identity_provider import new_keys

KEYS = new_keys()
PUBLIC: list[dict[str, Any]] = [dict(key.as_dict(private=False)) for key in KEYS.keys]
EC, RSA, _ = PUBLIC
WEAK = urlsafe_b64encode((2**2047 - 1).to_bytes(256)).decode()


def names(*keys: object) -> list[str]:
    return list(parse_jwks({"keys": list(keys)}, {}))


def test_keys_of_each_kind_are_used() -> None:
    assert names(*PUBLIC) == ["development-ec", "development-rsa", "development-ed"]
    # Entra ID says nothing of the algorithm, and adds certificates.
    assert names({**RSA, "x5c": ["MIIDBT"], "x5t": "aB"}) == ["development-rsa"]
    assert names({name: EC[name] for name in ("kty", "crv", "x", "y", "kid")}) == ["development-ec"]


@pytest.mark.parametrize(
    "key",
    [
        {**EC, "use": "enc"},
        {**EC, "kid": ""},
        {**EC, "kid": 1},
        {name: value for name, value in EC.items() if name != "kid"},
        {**EC, "kty": "RSA"},
        {**EC, "kty": "oct"},
        {**EC, "kty": ["EC"]},
        {**EC, "x": EC["y"]},
        {**EC, "x": 1},
        {**EC, "use": None, "key_ops": ["encrypt"]},
        {**RSA, "n": "AQAB"},
        {**RSA, "kid": "weak", "n": WEAK},
        {**RSA, "kid": "odd", "n": 65537},
        {"kid": "secret", **OctKey.generate_key(256).as_dict()},
        {},
        "key",
        None,
    ],
)
def test_what_verifies_no_signature_is_left_out(key: object) -> None:
    assert names(EC, key) == ["development-ec"]


def test_a_private_key_is_not_kept() -> None:
    (key,) = parse_jwks({"keys": [KEYS.keys[0].as_dict(private=True)]}, {}).values()
    assert not key.is_private


@pytest.mark.parametrize("document", [{}, {"keys": {}}, {"keys": None}, {"keys": [EC] * 101}])
def test_what_is_no_list_of_keys_is_refused(document: dict[str, Any]) -> None:
    assert MOST_KEYS == 100
    with pytest.raises(ValueError, match="JWKS"):
        parse_jwks(document, {})


def test_a_key_that_is_still_listed_stays_the_same_one() -> None:
    known = parse_jwks({"keys": PUBLIC}, {})
    again = parse_jwks({"keys": PUBLIC}, known)
    assert all(again[kid] is key for kid, key in known.items())
    other = ECKey.generate_key("P-256", {"kid": "development-ec"}).as_dict(private=False)
    assert parse_jwks({"keys": [other]}, known)["development-ec"] is not known["development-ec"]
