"""In a rendered project: serve it as in development and in production, and run the audits on both.

`python audited.py NODE SCRIPT` ends with 1 where an audit fails that should not.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from dev.environment import provided
from dev.processes import Place

from tests.api.test_production import deployed
from tests.support.accounts import PRODUCTION_SETTINGS, sign_in
from tests.support.database import empty_database
from tests.support.servers import WIDE_LIMITS, inherited
from tests.support.service import run_command, running_service

AUDITS = 61
# They ask for a type of the schema, and are answered that there is no introspection.
INTROSPECTION = {"2EA1", "28B9", "D6D5", "6A70"}


def main(node: str, script: str) -> int:
    wrong = 0
    settings = {**inherited(), **WIDE_LIMITS, "LOG_FORMAT": "json"}
    with (
        tempfile.TemporaryDirectory() as folder,
        provided(Place(Path(folder), durable=False), settings) as servers,
        empty_database(servers["DATABASE_URL"]) as database,
    ):
        environment = {**servers, "DATABASE_URL": database}
        run_command("migrate", "upgrade", env=environment)
        urls = {name: deployed(url) for name, url in environment.items() if name.endswith("_URL")}
        production = {
            **urls,
            **PRODUCTION_SETTINGS,
            "APP_ENV": "production",
            "ALLOWED_HOSTS": "127.0.0.1",
        }
        for changes, expected in (({"APP_ENV": "development"}, set()), (production, INTROSPECTION)):
            with running_service(environment, Path(folder), changes=changes) as service:
                credentials = json.dumps(sign_in(service))
                command = [node, script, f"{service.url}/graphql", credentials]
                done = subprocess.run(command, capture_output=True, text=True, check=True)
            *failures, number = done.stdout.splitlines()
            failed = {line.partition(" ")[0] for line in failures}
            passed = int(number) - len(failed)
            print(f"{changes['APP_ENV']}: {passed} of {number}", *failures, sep="\n  ")
            wrong += failed != expected or int(number) != AUDITS
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
