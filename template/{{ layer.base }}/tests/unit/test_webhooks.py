"""Webhooks are signed as Standard Webhooks specifies, and statuses mean what it says."""

import base64
import hashlib
import hmac
import json
import time
from datetime import UTC, datetime

import pytest
from pydantic import SecretStr

from app.platform.configuration import ConfigurationError
from app.platform.http_client import HttpClient, HttpClientSettings
from app.platform.ids import new_uuid
from app.platform.messages import RejectedError
from app.platform.webhooks import UndeliveredError, Webhooks, WebhookSettings, signatures
from tests.support.receiver import Call, Reply, receiving

OLD = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
NEW = "whsec_" + base64.b64encode(b"n" * 32).decode()


def key(secret: str) -> bytes:
    return base64.b64decode(secret.removeprefix("whsec_"))


def test_the_signature_is_that_of_the_published_example() -> None:
    signed = signatures(
        [key(OLD)], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
    )
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def verify(call: Call, secret: str) -> None:
    """What a receiver does with one of its secrets."""
    timestamp = call.headers["webhook-timestamp"]
    assert abs(time.time() - int(timestamp)) < 5
    signed = f"{call.headers['webhook-id']}.{timestamp}.".encode() + call.body
    digest = base64.b64encode(hmac.new(key(secret), signed, hashlib.sha256).digest()).decode()
    assert f"v1,{digest}" in call.headers["webhook-signature"].split(" ")


async def send(url: str, secrets: str = OLD) -> None:
    client = HttpClient(HttpClientSettings())
    settings = WebhookSettings.model_validate(
        {"webhook_allow_private": True, "webhook_secret": secrets, "webhook_url": url}
    )
    try:
        await Webhooks(settings, client).send(new_uuid(), "orders.placed", {"order_id": "1"})
    finally:
        await client.aclose()


@pytest.mark.anyio
async def test_every_secret_signs_so_that_it_can_be_rotated() -> None:
    with receiving() as receiver:
        await send(f"{receiver.url}/hook", f"{NEW},{OLD}")
    (call,) = receiver.calls
    assert (call.method, call.path) == ("POST", "/hook")
    assert call.headers["content-type"] == "application/json"
    body = json.loads(call.body)
    assert (body["type"], body["data"]) == ("orders.placed", {"order_id": "1"})
    age = datetime.now(UTC) - datetime.fromisoformat(body["timestamp"])
    assert 0 <= age.total_seconds() < 5
    verify(call, OLD)
    verify(call, NEW)
    with pytest.raises(AssertionError):
        verify(call, "whsec_" + base64.b64encode(b"x" * 32).decode())


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("status", "error"),
    [
        (200, None),
        (202, None),
        (204, None),
        (302, UndeliveredError),
        (400, UndeliveredError),
        (410, RejectedError),
        (429, UndeliveredError),
        (500, UndeliveredError),
    ],
)
async def test_any_2xx_is_a_delivery_and_410_is_the_end(
    status: int, error: type[Exception] | None
) -> None:
    with receiving(lambda call: Reply(status)) as receiver:
        if error is None:
            await send(receiver.url)
        else:
            with pytest.raises(error):
                await send(receiver.url)
    assert len(receiver.calls) == 1


@pytest.mark.anyio
async def test_nothing_is_sent_without_a_url() -> None:
    client = HttpClient(HttpClientSettings())
    await Webhooks(WebhookSettings(), client).send(new_uuid(), "orders.placed", {})


@pytest.mark.parametrize(
    ("variables", "fault"),
    [
        ({"WEBHOOK_URL": "https://a.test"}, "WEBHOOK_URL"),
        ({"WEBHOOK_URL": "http://a.test", "WEBHOOK_SECRET": OLD}, "WEBHOOK_URL"),
        ({"WEBHOOK_URL": "https://u:p@a.test", "WEBHOOK_SECRET": OLD}, "WEBHOOK_URL"),
        ({"WEBHOOK_URL": "ftp://a.test", "WEBHOOK_SECRET": OLD}, "WEBHOOK_URL"),
        ({"WEBHOOK_SECRET": "whsec_c2hvcnQ="}, "WEBHOOK_SECRET"),
        ({"WEBHOOK_SECRET": "a" * 40}, "WEBHOOK_SECRET"),
        ({"WEBHOOK_SECRET": f"{OLD},"}, "WEBHOOK_SECRET"),
    ],
)
def test_unusable_settings_are_refused_without_showing_them(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], fault: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError) as refused:
        WebhookSettings.load()
    assert all(line.startswith(fault) for line in refused.value.faults)
    assert not any(value in str(refused.value) for value in variables.values())


def test_production_wants_secrets_that_others_cannot_guess() -> None:
    for secret, faults in ((OLD, 0), (NEW, 1), (f"{OLD},{NEW}", 1)):
        settings = WebhookSettings(webhook_secret=SecretStr(secret))
        assert len(list(settings.production_faults())) == faults
