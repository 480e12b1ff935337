"""The keys of access tokens: EC P-256, of which the first signs and all verify."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import ECKey

ALGORITHM = "ES256"

_PEM = re.compile(r"-----BEGIN ((?:EC )?PRIVATE KEY|PUBLIC KEY)-----.+?-----END \1-----", re.DOTALL)
_PUBLIC = ("kty", "crv", "x", "y")


def new_key() -> ECKey:
    """A new private key, named by its thumbprint (RFC 7638)."""
    return _named(ECKey.generate_key("P-256"))


def parse_keys(text: str) -> tuple[ECKey, ...]:
    """The keys of PEM blocks or of a JWKS; those without a `kid` are named by their thumbprint.

    Raises ValueError, which never quotes the text, unless all are distinct P-256 keys and the
    first is a private one.
    """
    keys = tuple(_key(number, found) for number, found in enumerate(_materials(text), start=1))
    if not keys:
        raise ValueError("holds no key: set EC P-256 keys as PEM or as a JWKS")
    if not keys[0].is_private:
        raise ValueError("the first key signs and must be a private key")
    if len({key.kid for key in keys}) < len(keys):
        raise ValueError("two keys have the same kid")
    return keys


def public_jwk(key: ECKey) -> dict[str, Any]:
    """The public half as a JWK (RFC 7517)."""
    half = {name: key.dict_value[name] for name in _PUBLIC}
    return {**half, "kid": key.kid, "use": "sig", "alg": ALGORITHM}


def _materials(text: str) -> Sequence[str | Mapping[str, Any]]:
    if not text.lstrip().startswith("{"):
        # Environment files often hold a PEM on one line, with \n spelled out.
        return [found.group() for found in _PEM.finditer(text.replace("\\n", "\n"))]
    try:
        document = json.loads(text)
    except ValueError:
        raise ValueError("is not valid JSON") from None
    keys = document.get("keys", [document])
    if not isinstance(keys, list) or not all(isinstance(key, dict) for key in keys):
        raise ValueError("is not a JWKS")
    return keys


def _key(number: int, material: str | Mapping[str, Any]) -> ECKey:
    try:
        if isinstance(material, str):
            key, kid = ECKey.import_key(material), None
        else:
            # What a JWK says of its use is left out: here each key has the same one.
            wanted = {name: material[name] for name in (*_PUBLIC, "d") if name in material}
            key, kid = ECKey.import_key(wanted), material.get("kid")
    except (JoseError, ValueError, TypeError):
        raise ValueError(f"key {number} is not a usable EC key") from None
    if key.curve_name != "P-256":
        raise ValueError(f"key {number} is on the curve {key.curve_name}, not on P-256")
    return _named(key, kid)


def _named(key: ECKey, kid: object = None) -> ECKey:
    name = kid if isinstance(kid, str) and kid else key.thumbprint()
    return ECKey.import_key({**key.dict_value, "kid": name})
