"""How commands tell that the database is not as they need it."""

import re

from tests.support.database import empty_database
from tests.support.service import run_command


def test_a_command_without_its_tables_fails_in_one_line(environment: dict[str, str]) -> None:
    with empty_database(environment["DATABASE_URL"]) as url:
        variables = {**environment, "DATABASE_URL": url}
        done = run_command("audit", "prune", env=variables, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(r"error: unhandled exception: \w+: .*audit_events.*\n", done.stderr)
