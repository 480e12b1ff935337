"""Settings of the queue, its relay and its worker."""

from collections.abc import Iterator

from pydantic import Field, SecretStr

from app.platform.configuration import SettingsGroup


class QueueSettings(SettingsGroup):
    """How messages are delivered; `BROKER_URL` and the `QUEUE_` variables.

    An attempt ends after `queue_handler_timeout_seconds`. Its lease lasts `queue_lease_seconds`
    and is renewed while the handler runs, so that it is the time after which the messages of a
    killed worker are taken over. `queue_resend_seconds` is when a message that the broker took,
    and no worker has claimed, is given to the broker again.
    """

    broker_url: SecretStr | None = None
    queue_concurrency: int = Field(default=10, ge=1, le=1000)
    queue_max_attempts: int = Field(default=8, ge=1, le=100)
    queue_handler_timeout_seconds: float = Field(default=30.0, gt=0)
    queue_lease_seconds: float = Field(default=10.0, ge=1)
    queue_resend_seconds: float = Field(default=10.0, ge=1)
    queue_retry_base_seconds: float = Field(default=1.0, gt=0)
    queue_retry_max_seconds: float = Field(default=300.0, gt=0)
    queue_poll_seconds: float = Field(default=0.2, gt=0)
    queue_grace_period_seconds: float = Field(default=20.0, ge=0)
    queue_max_payload_bytes: int = Field(default=65536, ge=1)
    queue_done_retention_seconds: int = Field(default=86400, ge=0)

    def production_faults(self) -> Iterator[str]:
        if self.broker_url is None:
            yield "BROKER_URL: required in production"
