"""`auth.v1.ApiKeyService`: API keys and their clients."""

from collections.abc import Sequence
from uuid import UUID

from google.protobuf.descriptor import FileDescriptor
from google.protobuf.empty_pb2 import Empty
from starlette.routing import BaseRoute

from app.auth.access import authenticated, requires
from app.auth.api_key import ApiKey
from app.auth.keys import IssuedKey, KeyRequest, Keys
from app.auth.principal import Permission, Role
from app.bootstrap import Service
from app.errors import AppError, ErrorCode, FieldFault
from app.proto.auth.v1 import api_keys_pb2
from app.proto.auth.v1.api_keys_pb2_grpc import (
    ApiKeyServiceServicer,
    add_ApiKeyServiceServicer_to_server,
)
from app.transport.calls import ServicerContext, caller
from app.transport.idempotency import idempotency_key, note_replay
from app.transport.offers import Offer
from app.transport.paging import page_limit

CONTRACT: Sequence[FileDescriptor] = (api_keys_pb2.DESCRIPTOR,)
_NAME = "apiKeys/"


def offers(service: Service) -> list[Offer]:
    """What the authentication model offers over gRPC."""
    contract = api_keys_pb2.DESCRIPTOR.services_by_name["ApiKeyService"]
    return [Offer(contract, add_ApiKeyServiceServicer_to_server, ApiKeysApi(service.auth.keys))]


def http_routes(_service: Service) -> list[BaseRoute]:
    """What it offers over HTTP: nothing."""
    return []


class ApiKeysApi(ApiKeyServiceServicer):
    """The caller is known and the message valid when a method is entered."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    @requires(Permission.KEYS_MANAGE)
    async def CreateApiKey(
        self, request: api_keys_pb2.CreateApiKeyRequest, context: ServicerContext
    ) -> api_keys_pb2.IssuedApiKey:
        wanted = KeyRequest(
            client=request.client,
            role=Role(request.role),
            scopes=_scopes(request.scopes) or None,
            seconds=request.expires_in.seconds if request.HasField("expires_in") else None,
        )
        return _issued(await self._keys.create(caller(), wanted, idempotency_key(request)))

    @requires(Permission.KEYS_MANAGE)
    async def GetApiKey(
        self, request: api_keys_pb2.GetApiKeyRequest, context: ServicerContext
    ) -> api_keys_pb2.ApiKey:
        return _message(await self._keys.get(caller(), _key_id(request.name)))

    @requires(Permission.KEYS_MANAGE)
    async def ListApiKeys(
        self, request: api_keys_pb2.ListApiKeysRequest, context: ServicerContext
    ) -> api_keys_pb2.ListApiKeysResponse:
        limit, token = page_limit(request.page_size), request.page_token or None
        page = await self._keys.page(caller(), request.client or None, limit, token)
        return api_keys_pb2.ListApiKeysResponse(
            api_keys=[_message(key) for key in page.keys], next_page_token=page.next_cursor or ""
        )

    @requires(Permission.KEYS_MANAGE)
    async def RotateApiKey(
        self, request: api_keys_pb2.RotateApiKeyRequest, context: ServicerContext
    ) -> api_keys_pb2.IssuedApiKey:
        issued = await self._keys.rotate(
            caller(),
            _key_id(request.name),
            request.overlap.seconds if request.HasField("overlap") else None,
            request.expires_in.seconds if request.HasField("expires_in") else None,
            idempotency_key(request),
        )
        return _issued(issued)

    @requires(Permission.KEYS_MANAGE)
    async def RevokeApiKey(
        self, request: api_keys_pb2.RevokeApiKeyRequest, context: ServicerContext
    ) -> Empty:
        await self._keys.revoke(caller(), _key_id(request.name))
        return Empty()

    @authenticated
    async def GetCurrentApiKey(
        self, request: api_keys_pb2.GetCurrentApiKeyRequest, context: ServicerContext
    ) -> api_keys_pb2.ApiKey:
        return _message(await self._keys.current(caller()))

    @authenticated
    async def RevokeCurrentApiKey(
        self, request: api_keys_pb2.RevokeCurrentApiKeyRequest, context: ServicerContext
    ) -> Empty:
        await self._keys.revoke_current(caller())
        return Empty()


def _scopes(names: Sequence[str]) -> frozenset[Permission]:
    known = {permission.value for permission in Permission}
    faults = [
        FieldFault(f"scopes[{number}]", f"must be one of {', '.join(sorted(known))}")
        for number, name in enumerate(names)
        if name not in known
    ]
    if faults:
        raise AppError(ErrorCode.VALIDATION_ERROR, details=faults)
    return frozenset(map(Permission, names))


def _key_id(name: str) -> UUID:
    return UUID(name.removeprefix(_NAME))


def _issued(issued: IssuedKey) -> api_keys_pb2.IssuedApiKey:
    if issued.text is None:
        note_replay()
    return api_keys_pb2.IssuedApiKey(api_key=_message(issued.key), key=issued.text or "")


def _message(key: ApiKey) -> api_keys_pb2.ApiKey:
    message = api_keys_pb2.ApiKey(
        name=f"{_NAME}{key.id}",
        uid=str(key.id),
        client=api_keys_pb2.Client(uid=str(key.client.id), display_name=key.client.name),
        role=key.role,
        scopes=sorted(key.scopes or ()),
        permissions=sorted(key.permissions),
    )
    message.create_time.FromDatetime(key.created_at)
    message.expire_time.FromDatetime(key.expires_at)
    if key.last_used_at is not None:
        message.last_use_time.FromDatetime(key.last_used_at)
    if key.revoked_at is not None:
        message.revoke_time.FromDatetime(key.revoked_at)
    return message
