"""The URL of the database, in the forms that people have."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from app.db.settings import DatabaseSettings


def settings(url: str) -> DatabaseSettings:
    return DatabaseSettings.model_validate({"database_url": url})


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:////var/lib/app/app.db", "/var/lib/app/app.db"),
        ("sqlite:///app.db", "app.db"),
        ("sqlite+aiosqlite:///app.db", "app.db"),
    ],
)
def test_the_path_is_that_of_the_url(url: str, path: str) -> None:
    assert settings(url).path == Path(path)


@pytest.mark.parametrize(
    "url", ["", "app.db", "sqlite://", "sqlite:///", "sqlite:///:memory:", "postgresql://a:b@c/d"]
)
def test_what_names_no_file_is_refused(url: str) -> None:
    with pytest.raises(ValidationError, match="sqlite:///relative"):
        settings(url)


def test_production_wants_a_file_of_its_own() -> None:
    assert list(settings("sqlite:////data/app.db").production_faults()) == []
    [fault] = settings("sqlite:////srv/app/.dev/sqlite/app.db").production_faults()
    assert "development" in fault
