"""What every authentication model shares: the request, and how a bearer token is read."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import parse_qs

from app.auth.principal import Principal
from app.errors import AppError, ErrorCode


@dataclass(frozen=True, slots=True)
class AuthRequest:
    """The part of a request, or of a call's metadata, that may carry credentials.

    Names in `headers` are lower-case; `query` is the raw query string without its `?`. `is_recheck`
    is True where the service itself looks whether credentials that it has accepted are still valid;
    `is_use` is False where nothing was done with them since.
    """

    method: str
    headers: Mapping[str, str]
    query: str = ""
    is_use: bool = True
    is_recheck: bool = False


class Authenticator(Protocol):
    """Finds out who sent a request."""

    async def authenticate(self, request: AuthRequest) -> Principal | None:
        """The caller, or None where the request carries no credentials.

        Raises `AppError`: UNAUTHENTICATED or TOKEN_EXPIRED for bad credentials, and
        DEPENDENCY_UNAVAILABLE where they cannot be checked.
        """
        ...


def invalid_credentials(message: str = "The credentials are not valid") -> AppError:
    """The error for credentials that were sent and are refused (RFC 6750 section 3.1)."""
    return AppError(ErrorCode.UNAUTHENTICATED, message, challenge="invalid_token")


def bearer_token(request: AuthRequest) -> str | None:
    """The token of `Authorization: Bearer` (RFC 6750 section 2.1), or None without that header.

    Another scheme, an empty token, and a token in the query string, where it would end up in logs
    and browser histories, raise `AppError(UNAUTHENTICATED)`.
    """
    if request.query and "access_token" in parse_qs(request.query, keep_blank_values=True):
        raise invalid_credentials("Access tokens are not accepted in the query string")
    header = request.headers.get("authorization")
    if header is None:
        return None
    scheme, _, token = header.partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token:
        raise invalid_credentials("The Authorization header must be `Bearer` and one token")
    return token
