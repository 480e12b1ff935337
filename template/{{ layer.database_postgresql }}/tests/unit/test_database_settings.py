"""The URL of the database, in the forms that people have."""

import pytest
from pydantic import ValidationError

from app.db.settings import DatabaseSettings


def settings(url: str) -> DatabaseSettings:
    return DatabaseSettings.model_validate({"database_url": url})


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+asyncpg"])
def test_every_usual_scheme_is_accepted(scheme: str) -> None:
    url = settings(f"{scheme}://app:p%40ss@db.internal:5432/orders?sslmode=require").database_url
    assert (
        url.get_secret_value() == "postgresql://app:p%40ss@db.internal:5432/orders?sslmode=require"
    )


@pytest.mark.parametrize("url", ["", "mysql://a:b@c/d", "sqlite:///x", "db.internal", "postgres:x"])
def test_another_url_is_refused_without_being_shown(url: str) -> None:
    with pytest.raises(ValidationError) as caught:
        settings(url)
    assert "postgresql://user" in str(caught.value)
    assert not url or url not in str(caught.value).replace("postgresql://", "")


def test_the_password_is_not_shown() -> None:
    assert "hunter2" not in repr(settings("postgresql://app:hunter2@db/orders"))


@pytest.mark.parametrize(
    ("url", "faults"),
    [
        ("postgresql://app:8Xc0-long-and-random@db/orders", 0),
        ("postgresql:///orders?host=/run/postgresql", 0),
        ("postgresql://app@db/orders", 1),
        ("postgresql://app:postgres@db/orders", 1),
        ("postgresql://app:8Xc0-long-and-random@127.0.0.1/app?application_name=embedded", 1),
    ],
)
def test_production_wants_a_server_and_a_password_of_its_own(url: str, faults: int) -> None:
    assert len(list(settings(url).production_faults())) == faults


def test_all_waits_together_stay_under_five_seconds() -> None:
    default = settings("postgresql://app:secret@db/orders")
    waits = (
        default.db_pool_timeout_seconds,
        2 * default.db_connect_timeout_seconds,
        default.db_statement_timeout_seconds,
    )
    assert sum(waits) <= 5
