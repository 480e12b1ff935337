"""Every setting of the service, read once into one typed object."""

from dataclasses import dataclass, fields
from typing import Self

from app.auth.settings import AuthSettings
from app.cache.settings import CacheSettings
from app.db.settings import DatabaseSettings
from app.http.settings import HttpSettings
from app.platform.configuration import ConfigurationError, Environment, SettingsGroup
from app.platform.http_client import HttpClientSettings
from app.platform.idempotency import IdempotencySettings
from app.platform.logging import LogSettings
from app.platform.pagination import PaginationSettings
from app.platform.rate_limit import RateLimitSettings
from app.platform.telemetry import TelemetrySettings
from app.platform.webhooks import WebhookSettings
from app.queue.settings import QueueSettings
from app.transport.settings import TransportSettings


class RuntimeSettings(SettingsGroup):
    """Where the service runs, and which commit it was built from."""

    app_env: Environment = Environment.DEVELOPMENT
    app_commit: str = ""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of the service, one group for each package."""

    runtime: RuntimeSettings
    http: HttpSettings
    transport: TransportSettings
    log: LogSettings
    telemetry: TelemetrySettings
    database: DatabaseSettings
    cache: CacheSettings
    queue: QueueSettings
    auth: AuthSettings
    rate_limit: RateLimitSettings
    idempotency: IdempotencySettings
    pagination: PaginationSettings
    http_client: HttpClientSettings
    webhook: WebhookSettings

    @classmethod
    def load(cls) -> Self:
        """Read the environment; raises `ConfigurationError` with all faults at once."""
        groups: dict[str, SettingsGroup] = {}
        faults: list[str] = []
        production = False
        for field in fields(cls):
            assert isinstance(field.type, type)
            assert issubclass(field.type, SettingsGroup)
            try:
                group = groups[field.name] = field.type.load(production=production)
            except ConfigurationError as error:
                faults += error.faults
            else:
                # Of all groups the first.
                if isinstance(group, RuntimeSettings):
                    production = group.app_env is Environment.PRODUCTION
        if faults:
            raise ConfigurationError(faults)
        return cls(**groups)  # type: ignore[arg-type]

    @property
    def production(self) -> bool:
        return self.runtime.app_env is Environment.PRODUCTION
