"""The one place where exceptions become responses."""

from collections.abc import Sequence

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match

from app.errors import AppError, ErrorCode, FieldFault
from app.http.errors import error_response

_BY_STATUS = {
    400: ErrorCode.MALFORMED_REQUEST,
    401: ErrorCode.UNAUTHENTICATED,
    403: ErrorCode.FORBIDDEN,
    404: ErrorCode.NOT_FOUND,
    406: ErrorCode.NOT_ACCEPTABLE,
    413: ErrorCode.PAYLOAD_TOO_LARGE,
    415: ErrorCode.UNSUPPORTED_MEDIA_TYPE,
    429: ErrorCode.RATE_LIMITED,
    503: ErrorCode.DEPENDENCY_UNAVAILABLE,
}


def install_error_handlers(app: FastAPI) -> None:
    """Give every exception that leaves an endpoint the error shape."""
    app.add_exception_handler(AppError, _app_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _http_exception)


async def _app_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, AppError)
    return error_response(error)


async def _validation_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    faults = [FieldFault(field_path(e["loc"]), e["msg"]) for e in error.errors()]
    return error_response(AppError(ErrorCode.VALIDATION_ERROR, details=faults))


async def _http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 405:
        return _method_not_allowed(request)
    code = _BY_STATUS.get(error.status_code, ErrorCode.INTERNAL_ERROR)
    return error_response(AppError(code, headers=error.headers))


def _method_not_allowed(request: Request) -> Response:
    """405 with every method of the path, where the router knows only the first route's."""
    methods = {"OPTIONS"}
    for route in request.app.routes:
        match, _ = route.matches(request.scope)
        if match is not Match.NONE:
            methods |= getattr(route, "methods", None) or set()
    if "GET" in methods:
        methods.add("HEAD")
    allow = {"Allow": ", ".join(sorted(methods))}
    if request.method == "OPTIONS":
        return Response(status_code=204, headers=allow)
    return error_response(AppError(ErrorCode.METHOD_NOT_ALLOWED, headers=allow))


def field_path(location: Sequence[int | str]) -> str:
    """`("body", "lines", 0, "quantity")` as `lines[0].quantity`."""
    path = ""
    for part in location[1:] or location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return path
