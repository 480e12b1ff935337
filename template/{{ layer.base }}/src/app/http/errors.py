"""Errors as HTTP responses."""

import json
import math

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from app.errors import AppError, ErrorCode, error_body
from app.http.routing import allowed_methods
from app.platform.context import context

_BY_STATUS = {
    400: ErrorCode.MALFORMED_REQUEST,
    401: ErrorCode.UNAUTHENTICATED,
    403: ErrorCode.FORBIDDEN,
    404: ErrorCode.NOT_FOUND,
    405: ErrorCode.METHOD_NOT_ALLOWED,
    406: ErrorCode.NOT_ACCEPTABLE,
    409: ErrorCode.CONFLICT,
    410: ErrorCode.GONE,
    413: ErrorCode.PAYLOAD_TOO_LARGE,
    415: ErrorCode.UNSUPPORTED_MEDIA_TYPE,
    422: ErrorCode.VALIDATION_ERROR,
    429: ErrorCode.RATE_LIMITED,
    503: ErrorCode.DEPENDENCY_UNAVAILABLE,
}


def error_response(error: AppError) -> Response:
    """The error in the one JSON shape, with `WWW-Authenticate` and `Retry-After` where due."""
    status = error.code.value.http_status
    headers = dict(error.headers)
    if status == 401 or error.challenge is not None:
        reason = error.challenge
        if reason is None and error.code is ErrorCode.TOKEN_EXPIRED:
            reason = "invalid_token"
        headers.setdefault("WWW-Authenticate", f'Bearer error="{reason}"' if reason else "Bearer")
    if error.retry_after is not None:
        headers["Retry-After"] = str(max(1, math.ceil(error.retry_after)))
    body = json.dumps(error_body(error, context().request_id), ensure_ascii=False)
    return Response(body.encode("utf-8", "replace"), status, headers, "application/json")


async def handle_app_error(_request: Request, error: Exception) -> Response:
    """Exception handler for `AppError`."""
    assert isinstance(error, AppError)
    return error_response(error)


async def handle_http_exception(request: Request, error: Exception) -> Response:
    """Exception handler for the framework's own 404, 405 and the like."""
    assert isinstance(error, HTTPException)
    if isinstance(error.__cause__, AppError):
        # FastAPI wraps whatever is raised while the body is read.
        return error_response(error.__cause__)
    if error.status_code == 405:
        return _method_not_allowed(request)
    code = _BY_STATUS.get(error.status_code, ErrorCode.INTERNAL_ERROR)
    return error_response(AppError(code, headers=error.headers))


def _method_not_allowed(request: Request) -> Response:
    """405 with every method of the path, where a router names those of the first route only.

    `OPTIONS` of a known path is answered here as well.
    """
    allow = {"Allow": ", ".join(allowed_methods(request))}
    if request.scope["method"] == "OPTIONS":
        return Response(status_code=204, headers=allow)
    return error_response(AppError(ErrorCode.METHOD_NOT_ALLOWED, headers=allow))
