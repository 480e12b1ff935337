"""Every error a client can meet, and the one exception that carries them.

Nothing here knows a protocol: the transport turns an `AppError` into a response.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple


class Kind(NamedTuple):
    """What a client is told about one error code.

    `http_status` is 0 and `grpc_status` empty where the protocol cannot meet the error.
    """

    http_status: int
    grpc_status: str
    retryable: bool
    message: str
    remedy: str


class ErrorCode(Enum):
    """The stable codes of the error catalogue; `docs/errors.md` is generated from it."""

    MALFORMED_REQUEST = Kind(
        400,
        "INVALID_ARGUMENT",
        False,
        "The request could not be parsed",
        "Send well-formed UTF-8, in JSON without duplicate keys, NaN or Infinity.",
    )
    VALIDATION_ERROR = Kind(
        422,
        "INVALID_ARGUMENT",
        False,
        "Request validation failed",
        "Correct every field named in `details`.",
    )
    INVALID_CURSOR = Kind(
        400,
        "INVALID_ARGUMENT",
        False,
        "The cursor is not valid for this request",
        "Use a cursor from the previous page unchanged, with the same filters, or start again.",
    )
    UNAUTHENTICATED = Kind(
        401,
        "UNAUTHENTICATED",
        False,
        "Valid credentials are required",
        "Send credentials as the documentation describes.",
    )
    TOKEN_EXPIRED = Kind(
        401,
        "UNAUTHENTICATED",
        True,
        "The credentials have expired",
        "Get new credentials, then send the request again.",
    )
    FORBIDDEN = Kind(
        403,
        "PERMISSION_DENIED",
        False,
        "The credentials do not allow this",
        "Ask for the role or scope that the operation needs.",
    )
    CSRF_FAILED = Kind(
        403,
        "",
        False,
        "The request does not prove that it comes from the application",
        "Send the CSRF token of the session and call from an allowed origin.",
    )
    NOT_FOUND = Kind(
        404,
        "NOT_FOUND",
        False,
        "The resource does not exist",
        "Check the name or id; what belongs to somebody else is not found either.",
    )
    METHOD_NOT_ALLOWED = Kind(
        405,
        "",
        False,
        "The resource does not support this method",
        "Use a method listed in the `Allow` header.",
    )
    NOT_ACCEPTABLE = Kind(
        406,
        "",
        False,
        "No representation matches the `Accept` header",
        "Accept `application/json`, or a version that the service offers.",
    )
    CONFLICT = Kind(
        409,
        "ABORTED",
        False,
        "The request conflicts with the current state",
        "Read the resource again, then decide what to do.",
    )
    INVALID_STATE = Kind(
        409,
        "FAILED_PRECONDITION",
        False,
        "The resource is not in a state that allows this",
        "Read the resource and use an action that its status allows.",
    )
    IDEMPOTENCY_IN_PROGRESS = Kind(
        409,
        "ABORTED",
        True,
        "A request with this idempotency key is still running",
        "Wait as long as the answer says, then send the same request again.",
    )
    GONE = Kind(
        410,
        "UNIMPLEMENTED",
        False,
        "This version of the API is no longer served",
        "Move to a version that the documentation lists as live.",
    )
    PRECONDITION_FAILED = Kind(
        412,
        "ABORTED",
        False,
        "The resource has changed since it was read",
        "Read the resource again and repeat the change with its new version.",
    )
    PAYLOAD_TOO_LARGE = Kind(
        413,
        "RESOURCE_EXHAUSTED",
        False,
        "The request body is larger than the limit",
        "Send a smaller request.",
    )
    UNSUPPORTED_MEDIA_TYPE = Kind(
        415,
        "",
        False,
        "The media type of the body is not supported",
        "Send the body as the media type that the operation documents.",
    )
    IDEMPOTENCY_KEY_REUSED = Kind(
        422,
        "INVALID_ARGUMENT",
        False,
        "The idempotency key was used for another request",
        "Use a new key for a new request.",
    )
    PRECONDITION_REQUIRED = Kind(
        428,
        "FAILED_PRECONDITION",
        False,
        "The request must say which version it changes",
        "Read the resource and send its version along, as the contract says.",
    )
    RATE_LIMITED = Kind(
        429,
        "RESOURCE_EXHAUSTED",
        True,
        "Too many requests",
        "Wait as long as the answer says.",
    )
    INTERNAL_ERROR = Kind(
        500,
        "INTERNAL",
        False,
        "An unexpected error occurred",
        "Report it with the request id.",
    )
    DEPENDENCY_UNAVAILABLE = Kind(
        503,
        "UNAVAILABLE",
        True,
        "A service that this one depends on is unavailable",
        "Try again with exponential backoff.",
    )
    OVERLOADED = Kind(
        503,
        "UNAVAILABLE",
        True,
        "The service is at its limit",
        "Wait as long as the answer says.",
    )
    DEADLINE_EXCEEDED = Kind(
        503,
        "DEADLINE_EXCEEDED",
        True,
        "The request took longer than its time budget",
        "Try again with exponential backoff.",
    )


@dataclass(frozen=True, slots=True)
class FieldFault:
    """One fault of the input: `field` is a path such as `lines[0].quantity`."""

    field: str
    issue: str


class AppError(Exception):
    """An error that the client is told about.

    `message` replaces the catalogue's text and is sent to the client as it is.
    `retry_after` is in seconds. `challenge` is the `error` attribute of `WWW-Authenticate`
    (RFC 6750 section 3.1): `invalid_token` or `insufficient_scope`.
    """

    def __init__(
        self,
        code: ErrorCode,
        message: str | None = None,
        *,
        details: Sequence[FieldFault] = (),
        retry_after: float | None = None,
        challenge: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message or code.value.message)
        self.code = code
        self.message = message or code.value.message
        self.details = tuple(details)
        self.retry_after = retry_after
        self.challenge = challenge
        self.headers = dict(headers or {})


def error_body(error: AppError, request_id: str) -> dict[str, object]:
    """The one JSON shape of every error."""
    return {
        "error": {
            "code": error.code.name,
            "message": error.message,
            "details": [{"field": d.field, "issue": d.issue} for d in error.details],
            "request_id": request_id,
            "retryable": error.code.value.retryable,
        }
    }
