"""Clients to act as."""

import re
from collections.abc import Callable

from app.proto.auth.v1 import api_keys_pb2
from app.proto.auth.v1.api_keys_pb2_grpc import ApiKeyServiceStub
from tests.support.calls import Client, calling
from tests.support.keys import new_client, new_key
from tests.support.service import Service

# What production asks for beside the keys, and what no provider of development sets.
PRODUCTION_SETTINGS: dict[str, str] = {}
# Credentials can be narrowed by scopes.
SCOPED = True
# What a caller is answered while the cache is away.
WITHOUT_CACHE = "OK"
# What anybody may call, to become known.
PUBLIC_METHODS = set[str]()
# Keys: what no database may hold.
SECRETS = re.compile(r"_[0-9a-f]{32}_[\w-]{20}")


def sign_in(service: Service, role: str = "member", scope: str | None = None) -> dict[str, str]:
    """The headers of a new client with the role."""
    return credentials(service, account(service, role), scope)


def account(_service: Service, role: str = "member") -> str:
    """A new client to act as; it begins with its first key."""
    return new_client(role)


def credentials(service: Service, account: str, scope: str | None = None) -> dict[str, str]:
    """The headers of a new key of the client; `scope` narrows what they allow."""
    key = new_key(service, account, account.partition("-")[0], scope)
    return {"Authorization": f"Bearer {key}"}


def keys_stub(client: Client) -> ApiKeyServiceStub:
    """The stub, typed for a channel that is not asynchronous."""
    return ApiKeyServiceStub(client.channel)


def sign_in_for_a_while(service: Service) -> tuple[dict[str, str], Callable[[], None]]:
    """The headers of a new client, and what revokes its key."""
    headers = sign_in(service)

    def end() -> None:
        with calling(service, headers) as client:
            keys_stub(client).RevokeCurrentApiKey(api_keys_pb2.RevokeCurrentApiKeyRequest())

    return headers, end
