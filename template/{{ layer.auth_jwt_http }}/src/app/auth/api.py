"""Tokens and the public keys: parse, call the service, answer."""

import json
from typing import Annotated

from fastapi import APIRouter, Depends, Response

from app.auth import accounts_api
from app.auth.access import authenticated, public
from app.auth.accounts_schema import PasswordChange
from app.auth.parameters import FORM, JSON, parameters, request_body
from app.auth.schema import (
    JwksOut,
    PasswordGrant,
    RefreshParameters,
    RevocationParameters,
    TokenOut,
)
from app.errors import AppError, ErrorCode, FieldFault
from app.transport.access import AccessRoute
from app.transport.conditions import IfNoneMatch, public_document
from app.transport.request import ApiRequest
from app.transport.responses import error_responses, success

router = APIRouter(tags=["auth"], route_class=AccessRoute)
public_router = APIRouter(tags=["auth"], route_class=AccessRoute)
router.include_router(accounts_api.router)


@router.post(
    "/auth/token",
    operation_id="logIn",
    openapi_extra=request_body(PasswordGrant, [FORM]),
    responses={
        200: success("The tokens"),
        **error_responses(401, 409, 413, 415, 422, public=True),
    },
)
@public
async def log_in(
    form: Annotated[PasswordGrant, Depends(parameters(PasswordGrant, [FORM]))], request: ApiRequest
) -> TokenOut:
    """Log in by address and password: OAuth 2.0's password grant."""
    if form.grant_type != "password":
        fault = FieldFault("grant_type", "unsupported_grant_type: must be password")
        raise AppError(ErrorCode.MALFORMED_REQUEST, details=[fault])
    return TokenOut.of(await request.service.auth.log_in(form.username, form.password, form.scope))


@router.post(
    "/auth/refresh",
    operation_id="refreshTokens",
    openapi_extra=request_body(RefreshParameters, [JSON, FORM]),
    responses={200: success("New tokens"), **error_responses(401, 413, 415, 422, public=True)},
)
@public
async def refresh(
    body: Annotated[RefreshParameters, Depends(parameters(RefreshParameters, [JSON, FORM]))],
    request: ApiRequest,
) -> TokenOut:
    """Exchange a refresh token, which thereby ends, for new tokens.

    Sending one a second time ends the session with all its tokens: log in again where an answer
    was lost, and never refresh twice at the same time.
    """
    return TokenOut.of(await request.service.auth.refresh(body.refresh_token))


@router.post(
    "/auth/revoke",
    operation_id="revokeToken",
    openapi_extra=request_body(RevocationParameters, [FORM, JSON]),
    responses={
        200: success("The session of the token has ended, if there was one"),
        **error_responses(413, 415, 422, public=True),
    },
    response_class=Response,
)
@public
async def revoke(
    body: Annotated[RevocationParameters, Depends(parameters(RevocationParameters, [FORM, JSON]))],
    request: ApiRequest,
) -> Response:
    """Log out: end the session of a token with all its tokens (RFC 7009)."""
    await request.service.auth.revoke(body.token)
    return Response()


@router.post(
    "/auth/revoke-all",
    operation_id="revokeAllTokens",
    status_code=204,
    responses={204: success("No session is left"), **error_responses()},
)
@authenticated
async def revoke_all(request: ApiRequest) -> None:
    """Log out everywhere: end every session of the account, this one too."""
    await request.service.auth.revoke_all(request.principal)


@router.put(
    "/users/me/password",
    operation_id="changePassword",
    status_code=204,
    responses={
        204: success("The password is changed"),
        **error_responses(409, 413, 415, 422),
    },
)
@authenticated
async def change_password(body: PasswordChange, request: ApiRequest) -> None:
    """Change the password; the account's other sessions end."""
    await request.service.auth.accounts.change_password(
        request.principal, body.current_password, body.new_password
    )


@public_router.get(
    "/.well-known/jwks.json",
    operation_id="getKeys",
    response_model=JwksOut,
    responses={
        200: success("The keys"),
        304: success("The caller already holds these keys"),
        **error_responses(422, public=True),
    },
)
@public
async def jwks(request: ApiRequest, if_none_match: IfNoneMatch = None) -> Response:
    """The public keys that verify access tokens (RFC 7517)."""
    body = json.dumps(request.service.auth.jwks(), separators=(",", ":")).encode()
    return public_document(body, if_none_match)
