"""The settings of the SQLite file."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, PositiveInt

from app.platform.configuration import SettingsGroup

Seconds = Annotated[float, Field(gt=0, le=60)]


def _file_url(url: str) -> str:
    """The URL without a driver's name."""
    scheme, separator, path = url.partition(":///")
    if scheme not in ("sqlite", "sqlite+aiosqlite") or not separator or path in ("", ":memory:"):
        raise ValueError("must look like sqlite:///relative.db or sqlite:////absolute/path.db")
    return f"sqlite:///{path}"


class DatabaseSettings(SettingsGroup):
    """Where the SQLite file is, and how long to wait for its one writer."""

    database_url: Annotated[str, AfterValidator(_file_url)]
    db_pool_size: PositiveInt = 4
    db_pool_timeout_seconds: Seconds = 2.0
    db_busy_timeout_seconds: Seconds = 1.0
    db_statement_timeout_seconds: Seconds = 2.0

    @property
    def path(self) -> Path:
        """The database file."""
        return Path(self.database_url.removeprefix("sqlite:///"))

    def production_faults(self) -> Iterator[str]:
        if ".dev" in self.path.parts:
            yield "DATABASE_URL: leads to the file of the development environment"
