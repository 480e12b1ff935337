"""What the OpenAPI document says of responses."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from app.errors import ErrorCode
from app.transport.errors import LONGEST_FIELD, MOST_FAULTS


class ErrorDetail(BaseModel):
    """One fault of the input."""

    field: str = Field(max_length=LONGEST_FIELD, examples=["lines[0].quantity"])
    issue: str = Field(max_length=512, examples=["Input should be greater than or equal to 1"])


class ErrorContent(BaseModel):
    """`code` is stable; `retryable` says whether the same request may succeed later."""

    code: str = Field(
        examples=["VALIDATION_ERROR"], json_schema_extra={"enum": [code.name for code in ErrorCode]}
    )
    message: str = Field(max_length=512, examples=["Request validation failed"])
    details: list[ErrorDetail] = Field(max_length=MOST_FAULTS)
    request_id: str = Field(pattern=r"^[A-Za-z0-9._-]{1,128}$", max_length=128)
    retryable: bool


class ErrorBody(BaseModel):
    """The shape of every error."""

    model_config = ConfigDict(title="Error")

    error: ErrorContent


def _header(description: str, **schema: Any) -> dict[str, Any]:
    return {"description": description, "schema": schema}


REQUEST_ID = _header(
    "The id of the request", type="string", pattern="^[A-Za-z0-9._-]{1,128}$", maxLength=128
)
_COUNT: dict[str, Any] = {"type": "integer", "format": "int32", "minimum": 0, "maximum": 2**31 - 1}
RATE_LIMIT_HEADERS = {
    "X-RateLimit-Limit": _header("Requests in the window", **_COUNT),
    "X-RateLimit-Remaining": _header("Requests left", **_COUNT),
    "X-RateLimit-Reset": _header("Seconds until the window is whole", **_COUNT),
}
CHALLENGE = _header("The challenge (RFC 6750)", type="string", maxLength=256)
RETRY_AFTER = _header("Seconds to wait", **_COUNT)

_ANY_OPERATION = (400, 406, 429, 500, 503)
_AUTHENTICATED = (401, 403)


def error_responses(*statuses: int, public: bool = False) -> dict[int | str, dict[str, Any]]:
    """The error responses of an operation: `statuses`, and those that any operation can give."""
    wanted = {*_ANY_OPERATION, *statuses, *(() if public else _AUTHENTICATED)}
    return {status: _error_response(status) for status in sorted(wanted)}


def _error_response(status: int) -> dict[str, Any]:
    kinds = {code.name: code.value for code in ErrorCode if code.value.http_status == status}
    headers: dict[str, Any] = {"X-Request-ID": REQUEST_ID, **RATE_LIMIT_HEADERS}
    if status == 401:
        headers["WWW-Authenticate"] = CHALLENGE
    if status in {429, 503}:
        headers["Retry-After"] = RETRY_AFTER
    return {
        "model": ErrorBody,
        "description": "; ".join(kind.message for kind in kinds.values()),
        "headers": headers,
        "content": {
            "application/json": {
                "examples": {
                    code: {
                        "value": {
                            "error": {
                                "code": code,
                                "message": kind.message,
                                "details": [],
                                "request_id": "0198c2a4-7c1e-7d3b-9f60-2f1a5c7e9b11",
                                "retryable": kind.retryable,
                            }
                        }
                    }
                    for code, kind in kinds.items()
                }
            }
        },
    }


def success(description: str, **headers: Any) -> dict[str, Any]:
    """A successful response with the headers that every response carries, and `headers`."""
    return {
        "description": description,
        "headers": {"X-Request-ID": REQUEST_ID, **RATE_LIMIT_HEADERS, **headers},
    }
