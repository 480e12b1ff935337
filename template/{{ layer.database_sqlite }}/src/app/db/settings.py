"""The settings of the SQLite file."""

from collections.abc import Iterator

from pydantic import PositiveFloat, PositiveInt, SecretStr

from app.platform.configuration import SettingsGroup


class DatabaseSettings(SettingsGroup):
    """Where the SQLite file is, and how long to wait for its one writer."""

    database_url: SecretStr
    db_pool_size: PositiveInt = 4
    db_pool_timeout_seconds: PositiveFloat = 2.0
    db_busy_timeout_seconds: PositiveFloat = 2.0
    db_statement_timeout_seconds: PositiveFloat = 2.5

    def production_faults(self) -> Iterator[str]:
        yield from ()
