"""The URL of the database, in the forms that people have."""

import ssl

import pytest
from pydantic import ValidationError

from app.db.settings import DatabaseSettings


def settings(url: str) -> DatabaseSettings:
    return DatabaseSettings.model_validate({"database_url": url})


@pytest.mark.parametrize("scheme", ["mysql", "mariadb", "mysql+asyncmy", "mysql+pymysql"])
def test_every_usual_scheme_is_accepted(scheme: str) -> None:
    options = settings(f"{scheme}://app:p%40ss@db.internal:3307/orders").connect_options()
    assert options == {
        "host": "db.internal",
        "port": 3307,
        "user": "app",
        "password": b"p@ss",
        "database": "orders",
        "program_name": None,
        "ssl": None,
    }


@pytest.mark.parametrize(
    "url", ["", "postgresql://a:b@c/d", "sqlite:///x", "mysql://app:secret@db", "mysql:x"]
)
def test_another_url_is_refused_without_being_shown(url: str) -> None:
    with pytest.raises(ValidationError) as caught:
        settings(url)
    assert "mysql://user" in str(caught.value)
    assert not url or url not in str(caught.value).replace("mysql://user", "")


@pytest.mark.parametrize("port", ["port", "65536"])
def test_a_port_that_is_none_is_refused(port: str) -> None:
    with pytest.raises(ValidationError, match="has a port"):
        settings(f"mysql://app:secret@db:{port}/orders")


@pytest.mark.parametrize("option", ["ssl-mode=preferred", "charset=latin1"])
def test_an_option_that_would_be_passed_over_is_refused(option: str) -> None:
    with pytest.raises(ValidationError, match="has "):
        settings(f"mysql://app:secret@db/orders?{option}")


@pytest.mark.parametrize(
    ("mode", "verifies", "checks_name"),
    [
        ("REQUIRED", ssl.CERT_NONE, False),
        ("verify_ca", ssl.CERT_REQUIRED, False),
        ("VERIFY_IDENTITY", ssl.CERT_REQUIRED, True),
    ],
)
def test_the_modes_of_tls_are_those_of_the_clients_of_mysql(
    mode: str, verifies: ssl.VerifyMode, checks_name: bool
) -> None:
    context = settings(f"mysql://app:secret@db/orders?ssl-mode={mode}").connect_options()["ssl"]
    assert (context.verify_mode, context.check_hostname) == (verifies, checks_name)


def test_the_password_is_not_shown() -> None:
    assert "hunter2" not in repr(settings("mysql://app:hunter2@db/orders"))


@pytest.mark.parametrize(
    ("url", "faults"),
    [
        ("mysql://app:8Xc0-long-and-random@db/orders", 0),
        ("mysql://app@db/orders", 1),
        ("mysql://root:mysql@db/orders", 1),
        ("mysql://app:8Xc0-long-and-random@127.0.0.1/app?program_name=embedded", 1),
    ],
)
def test_production_wants_a_server_and_a_password_of_its_own(url: str, faults: int) -> None:
    assert len(list(settings(url).production_faults())) == faults


def test_all_waits_together_stay_under_five_seconds() -> None:
    default = settings("mysql://app:secret@db/orders")
    waits = (
        default.db_pool_timeout_seconds,
        2 * default.db_connect_timeout_seconds,
        default.db_statement_timeout_seconds,
    )
    assert sum(waits) <= 5
