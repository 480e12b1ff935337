"""Signed webhooks, as https://www.standardwebhooks.com specifies them."""

import base64
import binascii
from collections.abc import Mapping
from typing import Self
from urllib.parse import urlsplit
from uuid import UUID

from pydantic import SecretStr, field_validator, model_validator

from app.platform.configuration import SettingsGroup
from app.platform.http_client import HttpClient

_SECRET_PREFIX = "whsec_"


def _key(secret: str) -> bytes:
    """The signing key in `whsec_…`; raises ValueError."""
    try:
        key = base64.b64decode(secret.removeprefix(_SECRET_PREFIX), validate=True)
    except binascii.Error:
        key = b""
    if not secret.startswith(_SECRET_PREFIX) or not 24 <= len(key) <= 64:
        raise ValueError("each secret must be whsec_ and then 24 to 64 bytes in base64")
    return key


class WebhookSettings(SettingsGroup):
    """Where confirmations go; nothing is sent without `WEBHOOK_URL`.

    `WEBHOOK_SECRET` takes several secrets with commas between them: every one signs, so that a
    receiver can move from the old to the new one at its own time.
    """

    webhook_url: str | None = None
    webhook_secret: SecretStr | None = None
    webhook_allow_private: bool = False

    @field_validator("webhook_secret")
    @classmethod
    def _secrets_are_strong(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            for secret in value.get_secret_value().split(","):
                _key(secret.strip())
        return value

    @model_validator(mode="after")
    def _url_is_usable(self) -> Self:
        if self.webhook_url is None:
            return self
        url = urlsplit(self.webhook_url)
        allowed = ("https", "http") if self.webhook_allow_private else ("https",)
        if url.scheme not in allowed or not url.hostname or url.username is not None:
            raise ValueError("WEBHOOK_URL must be an https URL without credentials")
        if self.webhook_secret is None:
            raise ValueError("WEBHOOK_SECRET is required with WEBHOOK_URL")
        return self

    def keys(self) -> list[bytes]:
        """The signing keys, in the order given."""
        secrets = self.webhook_secret.get_secret_value() if self.webhook_secret else ""
        return [_key(secret.strip()) for secret in secrets.split(",") if secret]


class Webhooks:
    """Sends events to the configured receiver."""

    def __init__(self, settings: WebhookSettings, http_client: HttpClient) -> None:
        self._settings = settings
        self._http_client = http_client

    async def send(self, message_id: UUID, event_type: str, data: Mapping[str, object]) -> None:
        """Deliver one event; without `WEBHOOK_URL` nothing happens."""
        raise NotImplementedError
