"""`auth.v1.AuthService`: accounts and their tokens, and over HTTP the keys that verify them."""

import hashlib
import json
from collections.abc import Sequence

from google.protobuf.descriptor import FileDescriptor
from google.protobuf.empty_pb2 import Empty
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from app.auth.access import authenticated, public
from app.auth.model import normalised_email
from app.auth.refresh_tokens import TokenPair
from app.auth.service import Auth
from app.bootstrap import Service
from app.errors import AppError, ErrorCode, FieldFault
from app.http.routing import NamedRoute
from app.proto.auth.v1 import auth_pb2
from app.proto.auth.v1.auth_pb2_grpc import (
    AuthServiceServicer,
    add_AuthServiceServicer_to_server,
)
from app.transport.calls import ServicerContext, caller
from app.transport.idempotency import idempotency_key, note_replay
from app.transport.offers import Offer

CONTRACT: Sequence[FileDescriptor] = (auth_pb2.DESCRIPTOR,)


def offers(service: Service) -> list[Offer]:
    """What the authentication model offers over gRPC."""
    contract = auth_pb2.DESCRIPTOR.services_by_name["AuthService"]
    return [Offer(contract, add_AuthServiceServicer_to_server, AuthApi(service.auth))]


def http_routes(service: Service) -> list[BaseRoute]:
    """`/.well-known/jwks.json`: the public keys of the access tokens (RFC 7517)."""
    body = json.dumps(service.auth.jwks(), separators=(",", ":")).encode()
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {"Cache-Control": "public, max-age=300", "ETag": tag}

    async def keys(request: Request) -> Response:
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        return Response(body, headers=headers, media_type="application/json")

    return [NamedRoute("/.well-known/jwks.json", keys)]


class AuthApi(AuthServiceServicer):
    """The message is valid when a method is entered, and the caller known where one is needed."""

    def __init__(self, auth: Auth) -> None:
        self._auth = auth

    @public
    async def Register(self, request: auth_pb2.RegisterRequest, context: ServicerContext) -> Empty:
        try:
            email = normalised_email(request.email)
        except ValueError as error:
            fault = FieldFault("email", str(error))
            raise AppError(ErrorCode.VALIDATION_ERROR, details=[fault]) from None
        if await self._auth.accounts.register(email, request.password, idempotency_key(request)):
            note_replay()
        return Empty()

    @public
    async def LogIn(
        self, request: auth_pb2.LogInRequest, context: ServicerContext
    ) -> auth_pb2.TokenPair:
        return _tokens(await self._auth.log_in(request.email, request.password, request.scope))

    @public
    async def RefreshTokens(
        self, request: auth_pb2.RefreshTokensRequest, context: ServicerContext
    ) -> auth_pb2.TokenPair:
        return _tokens(await self._auth.refresh(request.refresh_token))

    @public
    async def RevokeToken(
        self, request: auth_pb2.RevokeTokenRequest, context: ServicerContext
    ) -> Empty:
        await self._auth.revoke(request.token)
        return Empty()

    @authenticated
    async def RevokeAllTokens(
        self, request: auth_pb2.RevokeAllTokensRequest, context: ServicerContext
    ) -> Empty:
        await self._auth.revoke_all(caller())
        return Empty()

    @authenticated
    async def GetMe(
        self, request: auth_pb2.GetMeRequest, context: ServicerContext
    ) -> auth_pb2.User:
        principal = caller()
        user = await self._auth.accounts.get(principal)
        message = auth_pb2.User(
            name=f"users/{user.id}",
            uid=str(user.id),
            email=user.email,
            roles=[user.role],
            permissions=sorted(principal.permissions),
        )
        message.create_time.FromDatetime(user.created_at)
        return message

    @authenticated
    async def ChangePassword(
        self, request: auth_pb2.ChangePasswordRequest, context: ServicerContext
    ) -> Empty:
        await self._auth.accounts.change_password(
            caller(), request.current_password, request.new_password
        )
        return Empty()


def _tokens(pair: TokenPair) -> auth_pb2.TokenPair:
    return auth_pb2.TokenPair(
        access_token=pair.access_token,
        refresh_token=pair.refresh_token,
        expires_in=pair.expires_in,
        scope=pair.scope,
    )
