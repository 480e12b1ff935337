"""The checks of the OpenAPI document: by a linter with the OWASP rules, and against the service."""

from __future__ import annotations

import fcntl
import os
import shutil
from pathlib import Path
from typing import IO

from tests.matrix.checks import Check, Findings, execute, tool, under
from tests.support.snapshot import ROOT

_HERE = Path(__file__).parent
_LINTER = ROOT / ".cache" / "openapi-linter"


def _spectral(log: IO[str]) -> Path:
    """The linter of the locked set beside this file, which is installed when first used."""
    _LINTER.mkdir(parents=True, exist_ok=True)
    with (_LINTER / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for name in ("package.json", "package-lock.json", "ruleset.yaml"):
            shutil.copy(_HERE / name, _LINTER / name)
        if not (_LINTER / "node_modules").exists():
            execute(_LINTER, log, tool("npm"), "ci", "--ignore-scripts", "--silent", PATH=_path())
    return _LINTER / "node_modules" / ".bin" / "spectral"


def _path() -> str:
    """With the template's own Node first."""
    return f"{Path(tool('node')).parent}{os.pathsep}{os.environ['PATH']}"


def _check(project: Path, log: IO[str]) -> Findings:
    spectral = _spectral(log)
    shutil.copy(ROOT / "uv.lock", project / "uv.lock")
    execute(project, log, "make", "contract")
    execute(
        project,
        log,
        spectral,
        *("lint", "openapi.json", "--ruleset", _LINTER / "ruleset.yaml"),
        *("--fail-severity", "error", "--display-only-failures"),
        PATH=_path(),
    )
    execute(project, log, "make", "fuzz", FUZZ_EXAMPLES="50", FUZZ_SEED="1")
    return Findings(tests=1)


# The document is made of these; one project for each distinct set of them.
_SOURCES = ("src/app/transport/*", "src/app/*/api.py", "src/app/*/schema.py", "tests/fuzz/*")

CHECKS = [Check("contract", under(*_SOURCES), _check)]
