"""Routes that authorize first."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

from app.auth.access import AUTHENTICATED, PUBLIC, access_to
from app.auth.openapi import READ_SECURITY, SECURITY
from app.auth.principal import Permission
from app.errors import AppError, ErrorCode
from app.http.middleware.identity import require_principal
from app.transport.request import ApiRequest


class AccessRoute(APIRoute):
    """A route that authorizes, then checks the media type, then reads the body.

    The OpenAPI document says who may call it, as `security` and `x-permission`.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        access = access_to(endpoint)
        reads = set(options.get("methods") or ("GET",)) <= {"GET", "HEAD"}
        security = READ_SECURITY if reads else SECURITY
        described: dict[str, Any] = {"security": [] if access == PUBLIC else security}
        if access not in {PUBLIC, AUTHENTICATED}:
            described["x-permission"] = access
        options["openapi_extra"] = described | (options.get("openapi_extra") or {})
        super().__init__(path, endpoint, **options)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        access = access_to(self.endpoint)
        accepted = self._media_types()

        async def authorize(request: Request) -> Response:
            if access != PUBLIC:
                principal = require_principal(request.scope)
                if access != AUTHENTICATED:
                    principal.require(Permission(access))
            if accepted and _media_type(request) not in accepted:
                headers = {"Accept": ", ".join(accepted)}
                raise AppError(ErrorCode.UNSUPPORTED_MEDIA_TYPE, headers=headers)
            if accepted and request.headers.get("content-encoding", "identity") != "identity":
                message = "The body must not be compressed"
                headers = {"Accept-Encoding": "identity"}
                raise AppError(ErrorCode.UNSUPPORTED_MEDIA_TYPE, message, headers=headers)
            return await handle(ApiRequest(request.scope, request.receive))

        return authorize

    def _media_types(self) -> tuple[str, ...]:
        declared = (self.openapi_extra or {}).get("requestBody", {}).get("content")
        if declared:
            return tuple(declared)
        if self.body_field is None:
            return ()
        return (getattr(self.body_field.field_info, "media_type", "application/json"),)


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()
