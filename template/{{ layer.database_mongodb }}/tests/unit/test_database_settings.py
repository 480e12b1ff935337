"""The URL of the database, in the forms that people have."""

import pytest
from pydantic import ValidationError

from app.db.settings import DatabaseSettings

LONG = "8Xc0-long-and-random"


def settings(url: str) -> DatabaseSettings:
    return DatabaseSettings.model_validate({"database_url": url})


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("mongodb://app:p%40ss@db.internal/orders?tls=true", "orders"),
        ("mongodb://app:secret@a:27017,b:27017,c:27017/or%64ers?replicaSet=rs0", "orders"),
        ("mongodb+srv://app:secret@cluster.example.net/orders?authSource=admin", "orders"),
    ],
)
def test_every_usual_form_is_accepted(url: str, name: str) -> None:
    assert settings(url).database_url.get_secret_value() == url
    assert settings(url).database_name == name


@pytest.mark.parametrize(
    "url",
    ["", "mysql://a:b@c/d", "mongodb://db.internal", "mongodb://db/", "db/orders", "mongodb:x"],
)
def test_another_url_is_refused_without_being_shown(url: str) -> None:
    with pytest.raises(ValidationError) as caught:
        settings(url)
    assert "mongodb://user" in str(caught.value)
    assert not url or url not in str(caught.value).replace("mongodb://user", "")


@pytest.mark.parametrize(
    "url",
    [
        f"mongodb://app:{LONG}@@db/orders",
        f"mongodb://app:{LONG}%ZZ@db/orders",
        f"mongodb://app:{LONG}@db:port/orders",
        f"mongodb://app:{LONG}@db/ord$ers",
        # The driver would warn, and connect without TLS.
        f"mongodb://app:{LONG}@db/orders?tls=maybe",
        f"mongodb+srv://app:{LONG}@db/orders?tsl=true",
        f"mongodb://app:{LONG}@db/orders?tls=true&tlsCAFile=/nowhere.pem",
    ],
)
def test_what_the_driver_does_not_take_is_refused_at_the_start(url: str) -> None:
    with pytest.raises(ValidationError, match="escape") as caught:
        settings(url)
    assert LONG not in str(caught.value)


def test_the_password_is_not_shown() -> None:
    assert "hunter2" not in repr(settings("mongodb://app:hunter2@db/orders"))


@pytest.mark.parametrize(
    ("url", "faults"),
    [
        (f"mongodb://app:{LONG}@db/orders", 0),
        ("mongodb://db/orders?tls=true&authMechanism=MONGODB-X509", 0),
        ("mongodb://db/orders", 1),
        ("mongodb://app@db/orders", 1),
        ("mongodb://app:mongodb@db/orders", 1),
        (f"mongodb://app:{LONG}@127.0.0.1/app?appName=embedded", 1),
    ],
)
def test_production_wants_a_server_and_a_password_of_its_own(url: str, faults: int) -> None:
    assert len(list(settings(url).production_faults())) == faults


def test_a_statement_stays_under_five_seconds_with_all_that_it_waits_for() -> None:
    default = settings(f"mongodb://app:{LONG}@db/orders")
    assert default.db_connect_timeout_seconds <= default.db_statement_timeout_seconds
    # A unit of work may end with a second one: the commit, or the end of its transaction.
    assert 2 * default.db_statement_timeout_seconds < 5
