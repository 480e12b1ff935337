"""The service does what its OpenAPI document says, for whatever Schemathesis thinks of."""

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.support.accounts import sign_in
from tests.support.paths import VERSION_HEADERS
from tests.support.service import Service, run_command

EXAMPLES = os.environ.get("FUZZ_EXAMPLES", "20")
SEED = os.environ.get("FUZZ_SEED")
ENDING = ("revokeAllTokens", "revokeCurrentApiKey", "logOut", "logOutEverywhere")
CONFIGURATION = """
[auth.wfc]
path = "users.json"
user = "admin"
peers = ["one", "two"]

# There are no other credentials than those of the users.
[generation]
with-security-parameters = false

# What no schema can say makes valid data unacceptable: a cursor that the service did not make, a
# password that is easily guessed, a key used for another body, a version that has moved on.
[checks.missing_required_header]
expected-statuses = ["4xx"]

[checks.positive_data_acceptance]
expected-statuses = ["2xx", "304", "400", "401", "403", "404", "409", "412", "422"]

[warnings]
fail-on = ["missing_auth"]

# What is made up seldom logs anybody in.
[[operations]]
include-operation-id = {public}
warnings = false
"""


def test_schemathesis_has_no_finding(service: Service, tmp_path: Path) -> None:
    roles = {"admin": "admin", "one": "member", "two": "member"}
    users = {
        name: {**VERSION_HEADERS, **sign_in(service, role=role)} for name, role in roles.items()
    }
    document = run_command("openapi", env=service.environment).stdout
    (tmp_path / "openapi.json").write_text(document)
    (tmp_path / "users.json").write_text(json.dumps({"auth": [_user(*u) for u in users.items()]}))
    paths = json.loads(document)["paths"].values()
    operations = [operation for path in paths for operation in path.values()]
    public = [one["operationId"] for one in operations if one.get("security") == []]
    (tmp_path / "schemathesis.toml").write_text(CONFIGURATION.format(public=public))
    command = [
        str(Path(sys.executable).with_name("schemathesis")),
        *("run", "openapi.json", "--url", service.url, "--checks", "all"),
        *("--max-examples", EXAMPLES, "--no-color"),
        # These end what the test itself goes by.
        *("--exclude-operation-id-regex", f"^({'|'.join(ENDING)})$"),
        # Deleting an order cancels it: it can still be read.
        *("--exclude-checks", "use_after_free"),
        *(("--seed", SEED) if SEED else ()),
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def _user(name: str, headers: dict[str, str]) -> dict[str, object]:
    return {
        "name": name,
        "fixedHeaders": [{"name": key, "value": value} for key, value in headers.items()],
    }
