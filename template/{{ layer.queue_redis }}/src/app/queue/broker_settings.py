"""Where the broker is."""

from typing import Annotated

from pydantic import SecretStr, StringConstraints

from app.platform.configuration import SettingsGroup


class BrokerSettings(SettingsGroup):
    """`BROKER_URL`. Services that share a server need different `QUEUE_NAME`s."""

    broker_url: Annotated[SecretStr, StringConstraints(pattern=r"^(rediss?|unix)://")]
