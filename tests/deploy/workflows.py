"""What automates a project: GitHub's workflows and Dependabot."""

from __future__ import annotations

from pathlib import Path
from typing import IO

from tests.deploy.programs import checker
from tests.matrix.checks import Findings, execute, tool

_CHECKOV_IGNORED = {
    "CKV_GHA_7": "the inputs of Deploy choose an image that was built before, and build nothing",
}


def check(project: Path, log: IO[str]) -> Findings:
    """Lint the workflows, and hold them and Dependabot's configuration to their schemas."""
    execute(project, log, tool("actionlint"))
    execute(project, log, tool("zizmor"), "--offline", "--persona=pedantic", ".github")
    schema = tool("check-jsonschema")
    workflows = sorted((project / ".github" / "workflows").iterdir())
    execute(project, log, schema, "--builtin-schema", "vendor.github-workflows", *workflows)
    dependabot = project / ".github" / "dependabot.yml"
    execute(project, log, schema, "--builtin-schema", "vendor.dependabot", dependabot)
    execute(
        project,
        log,
        checker("checkov"),
        *("--directory", ".github", "--framework", "github_actions"),
        *("--compact", "--quiet", "--skip-download", "--skip-check", ",".join(_CHECKOV_IGNORED)),
    )
    return Findings()
