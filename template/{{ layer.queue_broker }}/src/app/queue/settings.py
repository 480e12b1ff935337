"""Settings of the queue, its relay and its worker."""

from pydantic import Field

from app.queue.broker_settings import BrokerSettings


class QueueSettings(BrokerSettings):
    """How messages are delivered: the `QUEUE_` variables.

    An attempt is given up after `queue_handler_timeout_seconds`. Its lease is renewed while the
    handler runs, so that `queue_lease_seconds` is how long the messages of a killed worker wait
    to be taken over. A message that the broker took and that no worker has claimed is handed out
    again after `queue_resend_seconds`. The pause after attempt n is a random part of
    `queue_retry_base_seconds` * 2 ** (n - 1), at most `queue_retry_max_seconds`.
    """

    queue_name: str = Field(default="app", pattern=r"^[A-Za-z0-9._-]{1,64}$")
    queue_concurrency: int = Field(default=10, ge=1, le=1000)
    queue_max_attempts: int = Field(default=8, ge=1, le=100)
    queue_handler_timeout_seconds: float = Field(default=30.0, gt=0)
    queue_lease_seconds: float = Field(default=10.0, gt=0)
    queue_resend_seconds: float = Field(default=5.0, gt=0)
    queue_retry_base_seconds: float = Field(default=1.0, gt=0)
    queue_retry_max_seconds: float = Field(default=300.0, gt=0)
    queue_poll_seconds: float = Field(default=0.2, gt=0, le=5)
    queue_grace_period_seconds: float = Field(default=20.0, ge=0)
    queue_max_payload_bytes: int = Field(default=65_536, ge=1)
    queue_done_retention_seconds: int = Field(default=86_400, ge=0)
