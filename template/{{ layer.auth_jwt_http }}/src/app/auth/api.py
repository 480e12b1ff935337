"""`/auth`, `/users/me` and the public keys: parse, call the service, answer."""

import hashlib
import json
from typing import Annotated

from fastapi import APIRouter, Depends, Response

from app.auth.parameters import FORM, JSON, parameters, request_body
from app.auth.schema import (
    JwksOut,
    PasswordChange,
    PasswordGrant,
    RefreshParameters,
    Registration,
    RegistrationOut,
    RevocationParameters,
    TokenOut,
    UserOut,
)
from app.errors import AppError, ErrorCode, FieldFault
from app.transport.access import AccessRoute, authenticated, public
from app.transport.conditions import IfNoneMatch, is_current
from app.transport.dependencies import PrincipalDep, ServiceDep
from app.transport.responses import error_responses, success

router = APIRouter(tags=["auth"], route_class=AccessRoute)
public_router = APIRouter(tags=["auth"], route_class=AccessRoute)

_JWKS_SECONDS = 300


@router.post(
    "/auth/register",
    operation_id="register",
    status_code=202,
    responses={
        202: success("The address has an account"),
        **error_responses(413, 415, 422, public=True),
    },
)
@public
async def register(body: Registration, service: ServiceDep) -> RegistrationOut:
    """Make an account, to log in with at once.

    An address that has an account already keeps its password, and the answer is the same, so that
    nobody learns who has an account. The first account is a member like any other.
    """
    await service.auth.accounts.register(body.email, body.password)
    return RegistrationOut()


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
    form: Annotated[PasswordGrant, Depends(parameters(PasswordGrant, [FORM]))], service: ServiceDep
) -> TokenOut:
    """Log in by address and password: OAuth 2.0's password grant."""
    if form.grant_type != "password":
        fault = FieldFault("grant_type", "unsupported_grant_type: must be password")
        raise AppError(ErrorCode.MALFORMED_REQUEST, details=[fault])
    return TokenOut.of(await service.auth.log_in(form.username, form.password, form.scope))


@router.post(
    "/auth/refresh",
    operation_id="refreshTokens",
    openapi_extra=request_body(RefreshParameters, [JSON, FORM]),
    responses={200: success("New tokens"), **error_responses(401, 413, 415, 422, public=True)},
)
@public
async def refresh(
    body: Annotated[RefreshParameters, Depends(parameters(RefreshParameters, [JSON, FORM]))],
    service: ServiceDep,
) -> TokenOut:
    """Exchange a refresh token, which thereby ends, for new tokens.

    Sending one a second time ends the session with all its tokens: log in again where an answer
    was lost, and never refresh twice at the same time.
    """
    return TokenOut.of(await service.auth.refresh(body.refresh_token))


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
    service: ServiceDep,
) -> Response:
    """Log out: end the session of a token with all its tokens (RFC 7009)."""
    await service.auth.revoke(body.token)
    return Response()


@router.post(
    "/auth/revoke-all",
    operation_id="revokeAllTokens",
    status_code=204,
    responses={204: success("No session is left"), **error_responses()},
)
@authenticated
async def revoke_all(service: ServiceDep, principal: PrincipalDep) -> None:
    """Log out everywhere: end every session of the account, this one too."""
    await service.auth.revoke_all(principal)


@router.get(
    "/users/me",
    operation_id="getMe",
    responses={200: success("The account"), **error_responses()},
)
@authenticated
async def me(service: ServiceDep, principal: PrincipalDep) -> UserOut:
    """Read the caller's own account."""
    return UserOut.of(await service.auth.accounts.get(principal), principal)


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
async def change_password(
    body: PasswordChange, service: ServiceDep, principal: PrincipalDep
) -> None:
    """Change the password; the account's other sessions end."""
    await service.auth.accounts.change_password(principal, body.current_password, body.new_password)


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
async def jwks(service: ServiceDep, if_none_match: IfNoneMatch = None) -> Response:
    """The public keys that verify access tokens (RFC 7517)."""
    body = json.dumps(service.auth.jwks(), separators=(",", ":")).encode()
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {
        "Cache-Control": f"public, max-age={_JWKS_SECONDS}",
        "ETag": tag,
        "Vary": "Accept",
    }
    if is_current(if_none_match, tag):
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type="application/json")
