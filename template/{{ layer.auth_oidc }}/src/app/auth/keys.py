"""The public keys of a provider, as its JWKS lists them (RFC 7517)."""

from collections.abc import Mapping
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey
from joserfc.util import urlsafe_b64decode

Key = RSAKey | ECKey | OKPKey

MOST_KEYS = 100
_FEWEST_RSA_BITS = 2048
_TYPES: dict[str, type[RSAKey] | type[ECKey] | type[OKPKey]] = {
    "RSA": RSAKey,
    "EC": ECKey,
    "OKP": OKPKey,
}
_PUBLIC = ("kty", "kid", "alg", "use", "key_ops", "n", "e", "crv", "x", "y")


def parse_jwks(document: Mapping[str, Any], known: Mapping[str, Key]) -> dict[str, Key]:
    """The keys that verify signatures, by their `kid`; those that `known` has stay the same object.

    What is for something else, unusable, weak or without a name is left out, as RFC 7517 section 5
    wants it. Raises ValueError where the document is no JWKS of at most `MOST_KEYS` keys.
    """
    listed = document.get("keys")
    if not isinstance(listed, list) or len(listed) > MOST_KEYS:
        raise ValueError("the JWKS is not a list of keys, or one of too many")
    keys: dict[str, Key] = {}
    for jwk in listed:
        key = _parse(jwk)
        if key is not None:
            kid = str(key.kid)
            before = known.get(kid)
            unchanged = before is not None and before.dict_value == key.dict_value
            keys.setdefault(kid, before if before is not None and unchanged else key)
    return keys


def _parse(jwk: object) -> Key | None:
    if not isinstance(jwk, dict) or jwk.get("use", "sig") != "sig":
        return None
    kind = _TYPES.get(str(jwk.get("kty")))
    if kind is None or not isinstance(jwk.get("kid"), str) or not jwk["kid"]:
        return None
    try:
        if kind is RSAKey and _bits(jwk["n"]) < _FEWEST_RSA_BITS:
            return None
        key = kind.import_key({name: jwk[name] for name in _PUBLIC if name in jwk})
        key.check_key_op("verify")
    except (JoseError, ValueError, TypeError, KeyError, AttributeError):
        return None
    return key


def _bits(number: str) -> int:
    return int.from_bytes(urlsafe_b64decode(number.encode())).bit_length()
