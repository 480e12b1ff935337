"""Accounts outlive a way to log in: another one may have made them, or may need them."""

from pathlib import Path

from typer.testing import CliRunner

from app.cli import cli


def test_accounts_stay_where_a_way_to_log_in_is_taken_back(
    environment: dict[str, str], own_url: str
) -> None:
    def app(*arguments: str) -> None:
        variables = {**environment, "DATABASE_URL": own_url}
        done = CliRunner().invoke(cli, arguments, input="plum otter cabin 47", env=variables)
        assert done.exit_code == 0, done.output

    (branch,) = Path("migrations").glob("auth_*")
    app("create-admin", "ada@example.com")
    app("migrate", "downgrade", f"{branch.name}@-1")
    app("migrate", "upgrade")
    app("users", "enable", "ada@example.com")
