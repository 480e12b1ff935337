"""Where the broker is."""

from collections.abc import Iterator
from typing import Annotated

from pydantic import AfterValidator, SecretStr
from redis.asyncio.connection import parse_url

from app.platform.configuration import SettingsGroup


def _check(url: SecretStr) -> SecretStr:
    try:
        parse_url(url.get_secret_value())
    except ValueError:
        raise ValueError("must be a redis://, rediss:// or unix:// URL") from None
    return url


class BrokerSettings(SettingsGroup):
    """`BROKER_URL`. Services that share a server need different `QUEUE_NAME`s."""

    broker_url: Annotated[SecretStr, AfterValidator(_check)]

    def production_faults(self) -> Iterator[str]:
        if parse_url(self.broker_url.get_secret_value()).get("client_name") == "embedded":
            yield "BROKER_URL: leads to the server of the development environment"
