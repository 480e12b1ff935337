"""Settings of messages that are handled in the request."""

from pydantic import Field

from app.platform.configuration import SettingsGroup


class QueueSettings(SettingsGroup):
    """`QUEUE_HANDLER_TIMEOUT_SECONDS` bounds what a message adds to its request.

    Longer than an outbound call may take to connect and to be answered: a handler that is given up
    before learns nothing of a destination that hangs, and the circuit breaker stays closed.
    """

    queue_handler_timeout_seconds: float = Field(default=8.0, gt=0)
    queue_max_payload_bytes: int = Field(default=65536, ge=1)
