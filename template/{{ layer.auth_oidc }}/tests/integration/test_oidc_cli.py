"""The commands for those who set a provider up."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from app.auth import cli as auth_cli
from app.auth.claims import subject_id
from app.errors import AppError, ErrorCode
from dev.processes import free_port
from tests.support.providers import new_keys, own_provider
from tests.support.service import run_command
from tests.support.tokens import access_claims, signed


@pytest.fixture(autouse=True)
def configured(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)


def run(*arguments: str, text: str = "") -> Result:
    app = typer.Typer()
    auth_cli.register(app)
    return CliRunner().invoke(app, ["oidc", *arguments], input=text)


def test_check_lists_the_keys_of_the_provider() -> None:
    done = run("check")
    assert done.exit_code == 0, done.output
    assert "development-ec" in done.output.split()


def test_check_fails_without_the_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OIDC_ISSUER", f"http://127.0.0.1:{free_port()}")
    error = run("check").exception
    assert isinstance(error, AppError)
    assert error.code is ErrorCode.DEPENDENCY_UNAVAILABLE


def test_check_names_the_reason_where_the_provider_hangs(
    environment: dict[str, str], scratch: Path
) -> None:
    with own_provider(scratch, new_keys("first")) as provider:
        provider.freeze()
        variables = {**environment, **provider.variables, "OIDC_TIMEOUT_SECONDS": "0.3"}
        done = run_command("oidc", "check", env=variables, check=False)
    assert done.returncode == 1
    assert done.stderr.endswith("is unavailable (TimeoutError)\n")


def test_explain_tells_what_a_token_allows(environment: dict[str, str]) -> None:
    claims = access_claims(environment, "ada", roles=["member"], scope="orders:read")
    done = run("explain", text=signed(claims))
    assert done.exit_code == 0, done.output
    told = dict(line.split(maxsplit=1) for line in done.output.splitlines())
    assert told == {
        "subject": subject_id(environment["OIDC_ISSUER"], "ada"),
        "kind": "user",
        "roles": "member",
        "scopes": "orders:read",
        "permissions": "orders:read",
    }


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"aud": "urn:invoices"}, "aud"),
        ({"iss": "https://attacker.example"}, "iss"),
        ({"exp": 1}, "expired"),
        ({"nonce": "1"}, "ID token"),
    ],
    ids=json.dumps,
)
def test_explain_tells_why_a_token_is_refused(
    changes: dict[str, object], reason: str, environment: dict[str, str]
) -> None:
    done = run("explain", text=signed(access_claims(environment, "ada", **changes)))
    assert done.exit_code == 1
    assert done.output.startswith("Refused: ")
    assert reason in done.output


def test_subject_names_the_owner_of_a_sub(environment: dict[str, str]) -> None:
    done = run("subject", "ada")
    assert done.output.strip() == subject_id(environment["OIDC_ISSUER"], "ada")
