"""The commands that manage keys."""

from uuid import UUID, uuid4

import pytest
import typer
from typer.testing import CliRunner, Result

from app.auth import cli as auth_cli
from app.auth.api_key import KeyText


@pytest.fixture(autouse=True)
def configured(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def client() -> str:
    return f"client-{uuid4().hex[:8]}"


def run(*arguments: str) -> Result:
    app = typer.Typer()
    auth_cli.register(app)
    # A group has one command at the least before Typer asks for its name.
    app.command("nothing")(lambda: None)
    return CliRunner().invoke(app, ["api-keys", *arguments])


def made(*arguments: str) -> KeyText:
    done = run(*arguments)
    assert done.exit_code == 0, done.output
    key = KeyText.parse(done.stdout.removesuffix("\n"))
    assert key is not None, "the standard output is the key and nothing else"
    assert str(key.id) in done.stderr
    return key


def listed(client: str) -> dict[UUID, str]:
    lines = run("list", "--client", client).stdout.splitlines()
    return {UUID(line.split()[0]): line for line in lines}


def test_a_key_is_made_rotated_listed_and_revoked(client: str) -> None:
    first = made("create", client, "--scope", "orders:read", "--expires-in", "30d")
    second = made("rotate", str(first.id), "--overlap", "0s", "--expires-in", "12h")
    third = made("create", client, "--role", "admin")
    assert run("revoke", str(third.id)).stdout == f"Revoked the key {third.id} of {client}.\n"
    lines = listed(client)
    assert list(lines) == [third.id, second.id, first.id]
    assert "revoked" in lines[third.id]
    assert "active" in lines[second.id]
    assert "expired" in lines[first.id]
    assert lines[second.id].endswith("used never  orders:read")
    texts = " ".join(lines.values())
    assert not [key for key in (first, second, third) if key.text in texts]


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["create", "Billing"], "must be lower-case"),
        (["create", "billing", "--role", "owner"], "Invalid value"),
        (["create", "billing", "--scope", "everything"], "Invalid value"),
        (["create", "billing", "--scope", "ops:read"], "scopes must name"),
        (["create", "billing", "--expires-in", "90"], "must be a number and a unit"),
        (["create", "billing", "--expires-in", "0d"], "must not be 0"),
        (["create", "billing", "--expires-in", "999d"], "less than or equal to"),
        (["rotate", "nonsense"], "Invalid value"),
    ],
)
def test_what_cannot_be_is_named(arguments: list[str], fault: str) -> None:
    refused = run(*arguments)
    assert refused.exit_code != 0
    assert fault in " ".join(refused.output.replace("│", " ").split())
