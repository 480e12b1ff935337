"""The commands that change accounts."""

import asyncio
from uuid import uuid4

import pytest
import typer
from typer.testing import CliRunner, Result

from app.auth import cli as auth_cli
from app.auth.model import User
from app.auth.principal import Role
from app.auth.users import Users
from app.db import Database
from app.db.settings import DatabaseSettings

PASSWORD = "plum otter cabin 47"


@pytest.fixture(autouse=True)
def configured(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def email() -> str:
    return f"admin-{uuid4().hex}@example.com"


def run(*arguments: str, text: str = "") -> Result:
    app = typer.Typer()
    auth_cli.register(app)
    return CliRunner().invoke(app, arguments, input=text)


def stored(email: str) -> User | None:
    async def read() -> User | None:
        database = Database(DatabaseSettings.load())
        try:
            async with database.unit_of_work(read_only=True) as work:
                return await Users(work).with_email(email)
        finally:
            await database.aclose()

    return asyncio.run(read())


def test_an_admin_is_made_of_the_first_line_of_the_input(email: str) -> None:
    made = run("create-admin", email.upper(), text=f"{PASSWORD}\nanother line\n")
    assert (made.exit_code, made.output) == (0, f"Created the admin {email}.\n")
    admin = stored(email)
    assert admin is not None
    assert admin.role is Role.ADMIN


def test_an_account_that_exists_becomes_an_admin_with_the_new_password(email: str) -> None:
    run("create-admin", email, text=PASSWORD)
    run("users", "set-role", email, "viewer")
    run("users", "disable", email)
    before = stored(email)
    again = run("create-admin", email, text="violet-teapot-4821")
    assert again.output == f"Changed the admin {email}.\n"
    after = stored(email)
    assert before is not None
    assert after is not None
    assert (before.role, before.disabled) == (Role.VIEWER, True)
    assert (after.role, after.disabled) == (Role.ADMIN, False)
    assert after.id == before.id
    assert after.password_hash != before.password_hash


@pytest.mark.parametrize(
    ("address", "password", "fault"),
    [
        ("admin", PASSWORD, "must be an e-mail address"),
        ("admin@example.com", "", "must have 12 to 128 characters"),
        ("admin@example.com", "password1234", "too easily guessed"),
    ],
)
def test_what_cannot_be_used_is_named_without_the_password(
    address: str, password: str, fault: str
) -> None:
    refused = run("create-admin", address, text=password)
    assert refused.exit_code != 0
    assert fault in " ".join(refused.output.replace("│", " ").split())
    assert not password or password not in refused.output


def test_a_disabled_account_is_enabled_again(email: str) -> None:
    run("create-admin", email, text=PASSWORD)
    states = []
    for command in ("disable", "enable"):
        assert run("users", command, email).exit_code == 0
        user = stored(email)
        states.append(user is not None and user.disabled)
    assert states == [True, False]
