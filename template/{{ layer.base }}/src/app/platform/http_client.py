"""The one HTTP client for calls to other services."""

from collections.abc import Mapping
from dataclasses import dataclass

import httpx2
from pydantic import Field

from app.platform.configuration import SettingsGroup


class HttpClientSettings(SettingsGroup):
    """Outbound calls; the `HTTP_CLIENT_` variables. Limits hold for each destination."""

    http_client_connect_timeout_seconds: float = Field(default=2.0, gt=0)
    http_client_read_timeout_seconds: float = Field(default=5.0, gt=0)
    http_client_total_timeout_seconds: float = Field(default=10.0, gt=0)
    http_client_max_attempts: int = Field(default=3, ge=1, le=10)
    http_client_max_concurrency: int = Field(default=20, ge=1)
    http_client_max_wait_seconds: float = Field(default=1.0, ge=0)
    http_client_breaker_failures: int = Field(default=5, ge=1)
    http_client_breaker_reset_seconds: float = Field(default=5.0, gt=0)
    http_client_max_response_bytes: int = Field(default=1048576, ge=1)


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A response read whole."""

    status: int
    headers: httpx2.Headers
    body: bytes


class HttpClient:
    """Calls other services."""

    def __init__(self, settings: HttpClientSettings) -> None:
        self._settings = settings

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes = b"",
        idempotent: bool | None = None,
        public_only: bool = False,
    ) -> HttpResponse:
        """Send a request and read the response whole."""
        raise NotImplementedError

    async def aclose(self) -> None:
        """Close every connection."""
