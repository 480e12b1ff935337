"""What automates a project: GitHub's workflows and Dependabot."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import yaml

from tests.deploy.programs import checker
from tests.matrix.checks import FaultError, Findings, execute, tool

_CHECKOV_IGNORED = {
    "CKV_GHA_7": "the inputs of Deploy choose an image that was built before, and build nothing",
}


def check(project: Path, log: IO[str]) -> Findings:
    """Lint the workflows, and hold them and Dependabot's configuration to their schemas."""
    execute(project, log, tool("actionlint"))
    execute(project, log, tool("zizmor"), "--offline", "--persona=pedantic", ".github")
    schema = tool("check-jsonschema")
    workflows = sorted((project / ".github" / "workflows").iterdir())
    for workflow in workflows:
        for fault in _withheld(workflow):
            raise FaultError(f"{workflow.name}: {fault}")
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


def _withheld(workflow: Path) -> Iterator[str]:
    """Secrets that a called workflow uses and does not get.

    Those of the environment that its own job names are no exception: a secret that the caller does
    not name is empty.
    """
    for name, job in yaml.safe_load(workflow.read_text(encoding="utf-8"))["jobs"].items():
        if "uses" not in job:
            continue
        called = (workflow.parent / Path(job["uses"]).name).read_text(encoding="utf-8")
        # YAML takes the key `on` for a truth value.
        declared = yaml.safe_load(called)[True]["workflow_call"].get("secrets", {})
        for secret in sorted(set(re.findall(r"\bsecrets\.(\w+)", called))):
            if secret not in declared or secret not in job.get("secrets", {}):
                yield f"the job {name} does not pass on the secret {secret}"
