"""Callers to act as, whom the identity provider knows."""

import re
import time
from collections.abc import Callable
from uuid import uuid4

from tests.support.service import Service
from tests.support.tokens import access_claims, signed

# What production asks for, and what no provider of development sets.
PRODUCTION_SETTINGS = {"OIDC_ALLOW_HTTP": "true"}
# Credentials can be narrowed by scopes.
SCOPED = True
# What a caller is answered while the cache is away.
WITHOUT_CACHE = "OK"
# What anybody may call, to become known.
PUBLIC_METHODS = set[str]()
# What anybody may call, to become known.
PUBLIC_METHODS = set[str]()
# Tokens: what no database may hold.
SECRETS = re.compile(r"eyJ[\w-]+\.")


def sign_in(service: Service, role: str = "member", scope: str | None = None) -> dict[str, str]:
    """The headers of somebody new with the role."""
    return credentials(service, account(service, role), scope)


def account(service: Service, role: str = "member") -> str:
    """Somebody new to act as, whose name begins with the role."""
    return f"{role}-{uuid4().hex}"


def credentials(service: Service, account: str, scope: str | None = None) -> dict[str, str]:
    """The headers of a new token; `scope` narrows what it allows."""
    roles = [account.partition("-")[0]]
    claims = access_claims(service.environment, account, roles=roles, scope=scope)
    return {"Authorization": f"Bearer {signed(claims)}"}


def sign_in_for_a_while(service: Service) -> tuple[dict[str, str], Callable[[], None]]:
    """The headers of a token that ends in two seconds, and nothing that ends it before."""
    # It is accepted for 30 seconds more.
    claims = access_claims(service.environment, "ada", exp=int(time.time()) - 28, roles=["member"])
    return {"Authorization": f"Bearer {signed(claims)}"}, lambda: None
