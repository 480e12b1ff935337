"""`/api-keys`: parse, call the service, answer."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from app.auth.access import authenticated, requires
from app.auth.keys import IssuedKey
from app.auth.principal import Permission
from app.auth.schema import (
    ApiKeyListOut,
    ApiKeyListQuery,
    ApiKeyOut,
    CreateApiKey,
    IssuedApiKeyOut,
    RotateApiKey,
)
from app.transport.access import AccessRoute
from app.transport.idempotency import REPLAYED, REPLAYED_HEADER, IdempotencyKeyDep
from app.transport.pagination import LINK_HEADER, PaginationOut, link_next
from app.transport.request import ApiRequest
from app.transport.responses import error_responses, success
from app.transport.versioning import public_path

router = APIRouter(prefix="/api-keys", tags=["auth"], route_class=AccessRoute)
public_router = APIRouter()

_LOCATION = {
    "Location": {"description": "The key", "schema": {"type": "string", "maxLength": 2048}}
}


@router.post(
    "",
    operation_id="createApiKey",
    status_code=201,
    responses={
        201: success("The key", **_LOCATION, **REPLAYED_HEADER),
        **error_responses(409, 413, 415, 422),
    },
)
@requires(Permission.KEYS_MANAGE)
async def create_api_key(
    body: CreateApiKey, key: IdempotencyKeyDep, request: ApiRequest, response: Response
) -> IssuedApiKeyOut:
    """Make a key for a client. It allows nothing that the caller's own does not."""
    issued = await request.service.auth.keys.create(request.principal, body.to_request(), key)
    return _issued(response, issued, request.url.path)


@router.get(
    "",
    operation_id="listApiKeys",
    responses={200: success("One page of keys", **LINK_HEADER), **error_responses(422)},
)
@requires(Permission.KEYS_MANAGE)
async def list_api_keys(
    query: Annotated[ApiKeyListQuery, Query()], request: ApiRequest, response: Response
) -> ApiKeyListOut:
    """List keys, ended ones too, the newest first."""
    page = await request.service.auth.keys.page(
        request.principal, query.client, query.limit, query.cursor
    )
    link_next(request, response, query, page.next_cursor)
    return ApiKeyListOut(
        data=[ApiKeyOut.of(key) for key in page.keys],
        pagination=PaginationOut.of(page.next_cursor, query.limit),
    )


@router.get(
    "/current",
    operation_id="getCurrentApiKey",
    responses={200: success("The key"), **error_responses()},
)
@authenticated
async def get_current_api_key(request: ApiRequest) -> ApiKeyOut:
    """Read the key that the request is made with."""
    return ApiKeyOut.of(await request.service.auth.keys.current(request.principal))


@router.delete(
    "/current",
    operation_id="revokeCurrentApiKey",
    status_code=204,
    responses={204: success("The key has ended"), **error_responses()},
)
@authenticated
async def revoke_current_api_key(request: ApiRequest) -> None:
    """End the key that the request is made with, as whoever finds one should."""
    await request.service.auth.keys.revoke_current(request.principal)


@router.get(
    "/{key_id}",
    operation_id="getApiKey",
    responses={200: success("The key"), **error_responses(404, 422)},
)
@requires(Permission.KEYS_MANAGE)
async def get_api_key(key_id: UUID, request: ApiRequest) -> ApiKeyOut:
    """Read one key."""
    return ApiKeyOut.of(await request.service.auth.keys.get(request.principal, key_id))


@router.post(
    "/{key_id}/rotations",
    operation_id="rotateApiKey",
    status_code=201,
    responses={
        201: success("The new key", **_LOCATION, **REPLAYED_HEADER),
        **error_responses(404, 409, 413, 415, 422),
    },
)
@requires(Permission.KEYS_MANAGE)
async def rotate_api_key(
    key_id: UUID,
    body: RotateApiKey,
    key: IdempotencyKeyDep,
    request: ApiRequest,
    response: Response,
) -> IssuedApiKeyOut:
    """Make a key like this one, which itself ends after an overlap."""
    issued = await request.service.auth.keys.rotate(
        request.principal, key_id, body.overlap, body.expires_in, key
    )
    return _issued(response, issued, request.url.path.removesuffix(f"/{key_id}/rotations"))


@router.delete(
    "/{key_id}",
    operation_id="revokeApiKey",
    status_code=204,
    responses={204: success("The key has ended"), **error_responses(404, 409, 422)},
)
@requires(Permission.KEYS_MANAGE)
async def revoke_api_key(key_id: UUID, request: ApiRequest) -> None:
    """End a key at once; the caller's own too."""
    await request.service.auth.keys.revoke(request.principal, key_id)


def _issued(response: Response, issued: IssuedKey, keys: str) -> IssuedApiKeyOut:
    response.headers["Location"] = public_path(f"{keys}/{issued.key.id}")
    if issued.text is None:
        response.headers.update(REPLAYED)
    return IssuedApiKeyOut.issued(issued)
