"""Refuses requests that could mean two things, or that ask for what no endpoint offers."""

from functools import lru_cache
from urllib.parse import unquote_to_bytes

from starlette.types import ASGIApp, Receive, Scope, Send

from app.auth.authenticator import CREDENTIAL_HEADERS
from app.errors import AppError, ErrorCode
from app.http.errors import error_response
from app.http.paths import OPERATIONS

# Of those with tags only the first line would be read.
_SINGLE = ("content-type", "idempotency-key", "if-match", "if-none-match", *CREDENTIAL_HEADERS)
_SINGLE_HEADERS = frozenset(name.encode() for name in _SINGLE)
_NOT_JSON = OPERATIONS | {"/docs"}

REFUSAL = "refusal"
"""Where in `scope["state"]` a layer further out leaves the error that answers the request."""
_MAX_PARAMETERS = 100


class StrictnessMiddleware:
    """Addresses are UTF-8 without control characters, headers unambiguous, and JSON acceptable.

    A query may hold texts of several lines.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        error = None
        if scope["type"] == "http":
            error = scope["state"].get(REFUSAL) or _fault(scope)
        if error is None:
            await self._app(scope, receive, send)
        else:
            await error_response(error)(scope, receive, send)


def _fault(scope: Scope) -> AppError | None:
    path = scope.get("raw_path") or scope["path"].encode("utf-8", "surrogateescape")
    if not (_is_plain(path) and _is_plain(scope["query_string"], allowed="\t\n\r")):
        return AppError(
            ErrorCode.MALFORMED_REQUEST,
            "The path or query holds control characters or is not UTF-8",
        )
    if b"%" in path and scope["path"] in OPERATIONS:
        # A gateway that hides them from outside may compare the path as it was sent.
        return AppError(ErrorCode.NOT_FOUND)
    if scope["query_string"].count(b"&") >= _MAX_PARAMETERS:
        return AppError(
            ErrorCode.MALFORMED_REQUEST, f"The query has more than {_MAX_PARAMETERS} parameters"
        )
    headers = scope["headers"]
    names = {name for name, _ in headers}
    if len(names) != len(headers):
        for name in _SINGLE_HEADERS & names:
            if sum(name == other for other, _ in headers) > 1:
                return AppError(
                    ErrorCode.MALFORMED_REQUEST, f"The header {name.decode()} is repeated"
                )
    if b"accept" in names:
        accept = b",".join(value for name, value in headers if name == b"accept")
        if not accepts_json(accept) and scope["path"] not in _NOT_JSON:
            return AppError(ErrorCode.NOT_ACCEPTABLE)
    return None


def _is_plain(part: bytes, allowed: str = "") -> bool:
    if b"%" in part:
        part = unquote_to_bytes(part)
    try:
        text = part.decode()
    except UnicodeDecodeError:
        return False
    if text.isprintable():
        return True
    return not any((c < " " or "\x7f" <= c <= "\x9f") and c not in allowed for c in text)


@lru_cache(maxsize=256)
def accepts_json(accept: bytes) -> bool:
    """Whether an `Accept` header leaves room for JSON, or for a type that is written in it.

    The most specific range that fits decides (RFC 9110 section 12.5.1), and `q=0` rules out.
    """
    best: dict[str, bool] = {}
    for part in accept.decode("latin-1").lower().split(","):
        media, *parameters = (piece.strip() for piece in part.split(";"))
        if not media:
            continue
        best[media] = not any(_rules_out(parameter) for parameter in parameters)
    if any(wanted and media.endswith("+json") for media, wanted in best.items()):
        return True
    for media in ("application/json", "application/*", "*/*"):
        if media in best:
            return best[media]
    return not best


def _rules_out(parameter: str) -> bool:
    name, _, value = parameter.partition("=")
    return name.strip() == "q" and value.strip().strip("0") in ("", ".")
