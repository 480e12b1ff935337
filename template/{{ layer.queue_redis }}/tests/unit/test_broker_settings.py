"""The broker's URL is checked before anything starts."""

import pytest

from app.platform.configuration import ConfigurationError
from app.queue.settings import QueueSettings


@pytest.mark.parametrize("url", ["", "amqp://broker:5672", "broker:6379"])
def test_a_url_that_leads_to_no_broker_is_refused(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("BROKER_URL", url)
    with pytest.raises(ConfigurationError, match="BROKER_URL"):
        QueueSettings.load()


@pytest.mark.parametrize(
    ("url", "faults"),
    [
        ("rediss://:8Xc0-long-and-random@broker.internal:6379/1", 0),
        ("redis://:8Xc0-long-and-random@127.0.0.1:6379/1?client_name=embedded", 1),
    ],
)
def test_production_refuses_the_embedded_server(url: str, faults: int) -> None:
    settings = QueueSettings.model_validate({"broker_url": url})
    assert len(list(settings.production_faults())) == faults
