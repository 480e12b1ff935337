"""How the service listens, whom it believes and what it takes."""

from collections.abc import Iterator
from ipaddress import ip_network
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, field_validator
from pydantic_settings import NoDecode

from app.http.forwarding import Network
from app.platform.configuration import CommaSeparated, SettingsGroup


def _networks(value: object) -> object:
    if isinstance(value, str):
        return tuple(ip_network(part.strip()) for part in value.split(",") if part.strip())
    return value


class HttpSettings(SettingsGroup):
    """`HOST`, `PORT`, whom to trust, and the limits in `HTTP_*`; sizes in bytes, times in seconds.

    `trusted_proxies` are the networks whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed.
    `http_drain_delay_seconds` is how long the server still takes requests after SIGTERM, already
    not ready, so that load balancers notice; then `http_grace_period_seconds` starts to run.
    `http_keep_alive_seconds` must be longer than the idle time-out of the load balancer.
    """

    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65535)
    allowed_hosts: CommaSeparated = ("localhost", "127.0.0.1", "[::1]")
    trusted_proxies: Annotated[tuple[Network, ...], NoDecode, BeforeValidator(_networks)] = ()
    cors_origins: CommaSeparated = ()
    cors_allow_credentials: bool = False
    http_max_body_bytes: int = Field(1_048_576, ge=1)
    http_request_timeout_seconds: float = Field(10, gt=0)
    http_receive_timeout_seconds: float = Field(30, gt=0)
    http_keep_alive_seconds: int = Field(95, ge=0)
    http_max_in_flight: int = Field(200, ge=1)
    http_drain_delay_seconds: float = Field(0, ge=0)
    http_grace_period_seconds: int = Field(20, ge=0)
    http_debug: bool = False

    @field_validator("cors_origins")
    @classmethod
    def _origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        for origin in origins:
            parts = urlsplit(origin)
            is_origin = parts.netloc and f"{parts.scheme}://{parts.netloc}" == origin
            if origin != "*" and not (is_origin and parts.scheme in {"http", "https"}):
                raise ValueError("every origin is * or scheme://host[:port], without a path")
        return origins

    @field_validator("allowed_hosts")
    @classmethod
    def _hosts(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        for host in hosts:
            if "*" in host.removeprefix("*.") and host != "*":
                raise ValueError("a wildcard is * alone, or *. before a domain")
        return tuple(host.lower() for host in hosts)

    def production_faults(self) -> Iterator[str]:
        if "allowed_hosts" not in self.model_fields_set or "*" in self.allowed_hosts:
            yield "ALLOWED_HOSTS: list the host names of the service"
        if "*" in self.cors_origins and self.cors_allow_credentials:
            yield "CORS_ORIGINS: * cannot go with CORS_ALLOW_CREDENTIALS"
        if self.http_debug:
            yield "HTTP_DEBUG: must be off"
