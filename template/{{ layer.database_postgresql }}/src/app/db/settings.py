"""The settings of the PostgreSQL connection."""

from collections.abc import Iterator

from pydantic import Field, PositiveFloat, PositiveInt, SecretStr

from app.platform.configuration import SettingsGroup


class DatabaseSettings(SettingsGroup):
    """Where PostgreSQL is, and how long to wait for it.

    Waiting for a free connection, for a new one and for a statement must together stay under five
    seconds, so that a frozen server is told from a slow one in time.
    """

    database_url: SecretStr
    db_pool_size: PositiveInt = 10
    db_pool_timeout_seconds: PositiveFloat = 1.0
    db_connect_timeout_seconds: PositiveFloat = 1.0
    db_statement_timeout_seconds: PositiveFloat = Field(default=2.5, le=60)
    db_transaction_pooling: bool = False

    def production_faults(self) -> Iterator[str]:
        yield from ()
