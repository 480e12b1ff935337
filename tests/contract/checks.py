"""The checks of a contract over HTTP, by linters and audits, and against the service.

An OpenAPI document is linted with the OWASP rules; GraphQL passes the audits of GraphQL-over-HTTP.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from pathlib import Path
from typing import IO

from tests.matrix.checks import Check, Findings, execute, tool, under
from tests.support import servers
from tests.support.snapshot import ROOT

_HERE = Path(__file__).parent
_TOOLS = ROOT / ".cache" / "contract-tools"


def _installed(log: IO[str]) -> Path:
    """The folder of the locked tools beside this file, which are installed when first used."""
    _TOOLS.mkdir(parents=True, exist_ok=True)
    with (_TOOLS / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for name in ("package.json", "package-lock.json", "ruleset.yaml", "audits.mjs"):
            shutil.copy(_HERE / name, _TOOLS / name)
        if not (_TOOLS / "node_modules").exists():
            execute(_TOOLS, log, tool("npm"), "ci", "--ignore-scripts", "--silent", PATH=_path())
    return _TOOLS


def _path() -> str:
    """With the template's own Node first."""
    return f"{Path(tool('node')).parent}{os.pathsep}{os.environ['PATH']}"


def _check(project: Path, log: IO[str]) -> Findings:
    tools = _installed(log)
    shutil.copy(ROOT / "uv.lock", project / "uv.lock")
    environment = servers.environment(project)
    execute(project, log, "make", "contract")
    if (project / "openapi.json").exists():
        _lint(project, log, tools)
    else:
        _audit(project, log, tools, environment)
    execute(project, log, "make", "fuzz", FUZZ_EXAMPLES="50", FUZZ_SEED="1", **environment)
    return Findings(tests=1)


def _lint(project: Path, log: IO[str], tools: Path) -> None:
    execute(
        project,
        log,
        tools / "node_modules" / ".bin" / "spectral",
        *("lint", "openapi.json", "--ruleset", tools / "ruleset.yaml"),
        *("--fail-severity", "error", "--display-only-failures"),
        PATH=_path(),
    )


def _audit(project: Path, log: IO[str], tools: Path, environment: dict[str, str]) -> None:
    shutil.copy(_HERE / "audited.py", project / "audited.py")
    python = project / ".venv" / "bin" / "python"
    audits = (str(tool("node")), str(tools / "audits.mjs"))
    execute(project, log, python, "audited.py", *audits, **environment)


# A contract is made of these; one project for each distinct set of them.
_SOURCES = (
    "src/app/transport/*",
    "src/app/*/api.py",
    "src/app/*/fields.py",
    "src/app/*/graphql.py",
    "src/app/*/schema.py",
    "tests/fuzz/*",
)

# A project with gRPC has none to fuzz: its own `make check` lints the contract with buf.
CHECKS = [Check("contract", under(*_SOURCES), _check, needs="tests/fuzz/*")]
