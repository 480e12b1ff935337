"""Access tokens as the provider makes them, signed with its own keys; and wrong ones."""

import json
import time
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

from joserfc.jwk import Key, KeySet
from joserfc.jws import JWSRegistry
from joserfc.util import urlsafe_b64encode

from dev.identity_provider import KEYS


@cache
def provider_keys(file: Path = KEYS) -> KeySet:
    """The private keys of a provider: that of the test run, unless a file says which."""
    return KeySet.import_key_set(json.loads(file.read_text(encoding="utf-8")))


def signing_key(kind: str = "EC", keys: KeySet | None = None) -> Key:
    """One of the provider's keys: EC, RSA or OKP."""
    return next(key for key in (keys or provider_keys()).keys if key.key_type == kind)


def access_claims(environment: Mapping[str, str], sub: str, **claims: object) -> dict[str, Any]:
    """The claims of a valid token; None leaves one out."""
    now = int(time.time())
    valid = {
        "iss": environment["OIDC_ISSUER"],
        "aud": environment["OIDC_AUDIENCE"],
        "sub": sub,
        "client_id": "app",
        "iat": now,
        "exp": now + 600,
        "jti": uuid4().hex,
    }
    return {name: value for name, value in {**valid, **claims}.items() if value is not None}


def signed(
    claims: Mapping[str, object],
    header: Mapping[str, object] | None = None,
    key: Key | None = None,
    algorithm: str = "ES256",
) -> str:
    """A token; members of the header that are None are left out.

    It is signed with the algorithm whatever `alg` the header has.
    """
    chosen = key or signing_key()
    members = {"alg": algorithm, "kid": chosen.kid, "typ": "at+jwt", **(header or {})}
    parts = ({name: value for name, value in members.items() if value is not None}, claims)
    text = b".".join(urlsafe_b64encode(json.dumps(part).encode()) for part in parts)
    signature = JWSRegistry.algorithms[algorithm].sign(text, chosen)
    return b".".join((text, urlsafe_b64encode(signature))).decode()
