"""Signed webhooks, as https://www.standardwebhooks.com specifies them."""

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from urllib.parse import urlsplit
from uuid import UUID

from pydantic import SecretStr, ValidationInfo, field_validator

from app.platform.configuration import SettingsGroup, is_guessable
from app.platform.http_client import HttpClient
from app.platform.messages import RejectedError


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error:
        key = b""
    if not secret.startswith("whsec_") or not 24 <= len(key) <= 64:
        raise ValueError("each secret must be whsec_ and then 24 to 64 bytes in base64")
    return key


class WebhookSettings(SettingsGroup):
    """Where confirmations go; nothing is sent without `WEBHOOK_URL`.

    `WEBHOOK_SECRET` takes several secrets with commas between them: every one signs, so that a
    receiver can move from the old to the new one at its own time. `WEBHOOK_ALLOW_PRIVATE` permits
    http and receivers outside of the public internet.
    """

    webhook_allow_private: bool = False
    webhook_secret: SecretStr | None = None
    webhook_url: str | None = None

    def production_faults(self) -> Iterator[str]:
        keys = _keys(self.webhook_secret) if self.webhook_secret else []
        if any(is_guessable(key.decode("latin-1")) for key in keys):
            yield "WEBHOOK_SECRET: is guessable, and must be random"

    @field_validator("webhook_secret")
    @classmethod
    def _check_secrets(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            _keys(value)
        return value

    @field_validator("webhook_url")
    @classmethod
    def _check_url(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None:
            return value
        schemes = ("https", "http") if info.data.get("webhook_allow_private") else ("https",)
        url = urlsplit(value)
        if url.scheme not in schemes or not url.hostname or "@" in url.netloc:
            raise ValueError("must be an https URL without credentials")
        if "webhook_secret" in info.data and info.data["webhook_secret"] is None:
            raise ValueError("needs WEBHOOK_SECRET")
        return value


def _keys(secrets: SecretStr) -> list[bytes]:
    return [_key(secret.strip()) for secret in secrets.get_secret_value().split(",")]


class UndeliveredError(Exception):
    """The receiver did not take the event; it should be sent again."""


def signatures(keys: Sequence[bytes], message_id: str, timestamp: int, body: bytes) -> str:
    """The value of `webhook-signature`: one `v1` signature for each key."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    digests = (hmac.new(key, signed, hashlib.sha256).digest() for key in keys)
    return " ".join(f"v1,{base64.b64encode(digest).decode()}" for digest in digests)


class Webhooks:
    """Sends events to the configured receiver."""

    def __init__(self, settings: WebhookSettings, http_client: HttpClient) -> None:
        self._url = settings.webhook_url
        self._keys = _keys(settings.webhook_secret) if settings.webhook_secret else []
        self._public_only = not settings.webhook_allow_private
        self._http_client = http_client

    async def send(self, message_id: UUID, event_type: str, data: Mapping[str, object]) -> None:
        """Deliver one event; without `WEBHOOK_URL` nothing happens.

        Every attempt has the same body and `webhook-id`, by which the receiver drops repeats, and
        its own timestamp and signature. Any 2xx is a delivery. 410 says that the receiver is gone
        for good and raises RejectedError; every other status, a redirect too, raises
        UndeliveredError. Repeats are left to the queue.
        """
        if self._url is None:
            return
        timestamp = int(time.time())
        # A UUIDv7 begins with the milliseconds at which it was made.
        occurred_at = datetime.fromtimestamp((message_id.int >> 80) / 1000, UTC)
        body = json.dumps(
            {"type": event_type, "timestamp": occurred_at.isoformat(), "data": data},
            separators=(",", ":"),
            allow_nan=False,
        ).encode()
        response = await self._http_client.request(
            "POST",
            self._url,
            headers={
                "content-type": "application/json",
                "webhook-id": str(message_id),
                "webhook-timestamp": str(timestamp),
                "webhook-signature": signatures(self._keys, str(message_id), timestamp, body),
            },
            content=body,
            idempotent=False,
            public_only=self._public_only,
        )
        if response.status == 410:
            raise RejectedError("the webhook receiver answered 410 Gone")
        if not 200 <= response.status < 300:
            raise UndeliveredError(f"the webhook receiver answered {response.status}")
