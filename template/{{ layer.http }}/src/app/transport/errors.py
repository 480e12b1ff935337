"""The one place where exceptions become responses."""

from collections.abc import Sequence

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from app.errors import AppError, ErrorCode, FieldFault
from app.http.errors import error_response, handle_app_error, handle_http_exception

# What the OpenAPI document promises; what a client sends could make up more.
MOST_FAULTS = 1000
LONGEST_FIELD = 256


def install_error_handlers(app: FastAPI) -> None:
    """Give every exception that leaves an endpoint the error shape."""
    app.add_exception_handler(AppError, handle_app_error)
    app.add_exception_handler(HTTPException, handle_http_exception)
    app.add_exception_handler(RequestValidationError, _validation_error)


async def _validation_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    faults = [FieldFault(_field_path(e["loc"]), e["msg"]) for e in error.errors()[:MOST_FAULTS]]
    return error_response(AppError(ErrorCode.VALIDATION_ERROR, details=faults))


def _field_path(location: Sequence[int | str]) -> str:
    """`("body", "lines", 0, "quantity")` as `lines[0].quantity`."""
    path = ""
    for part in location[1:] or location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return path[:LONGEST_FIELD]
