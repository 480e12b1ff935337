"""The settings of the PostgreSQL connection."""

from collections.abc import Iterator
from typing import Annotated
from urllib.parse import parse_qsl, urlsplit

from pydantic import AfterValidator, Field, PositiveInt, SecretStr

from app.platform.configuration import SettingsGroup

Seconds = Annotated[float, Field(gt=0, le=60)]
WELL_KNOWN_PASSWORDS = {"app", "changeme", "password", "postgres", "secret", "test"}


def _dsn(url: SecretStr) -> SecretStr:
    """The URL as libpq spells it, whether or not it names a driver."""
    scheme, separator, rest = url.get_secret_value().partition("://")
    if not separator or scheme.partition("+")[0] not in ("postgres", "postgresql"):
        raise ValueError("must look like postgresql://user:password@host:5432/name")
    return SecretStr(f"postgresql://{rest}")


class DatabaseSettings(SettingsGroup):
    """Where PostgreSQL is, and how long to wait for it.

    The waits for a free connection, for a new one and for a statement stay together under five
    seconds by default: a frozen server is told apart from a slow one in that time.
    """

    database_url: Annotated[SecretStr, AfterValidator(_dsn)]
    db_pool_size: PositiveInt = 10
    db_pool_timeout_seconds: Seconds = 1.0
    db_connect_timeout_seconds: Seconds = 1.0
    db_statement_timeout_seconds: Seconds = 2.0
    db_transaction_pooling: bool = False

    def production_faults(self) -> Iterator[str]:
        url = urlsplit(self.database_url.get_secret_value())
        if url.hostname and (not url.password or url.password in WELL_KNOWN_PASSWORDS):
            yield "DATABASE_URL: has no password, or one that everybody knows"
        if ("application_name", "embedded") in parse_qsl(url.query):
            yield "DATABASE_URL: leads to the server of the development environment"
