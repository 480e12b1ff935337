"""The checks of a rendered project: each says which files it depends on, and how it is run.

Those of deployment files are in `tests.deploy`.

To add one, append a `Check` to `CHECKS`. It runs once for each distinct set of the files it is
concerned with, in a copy of a project that has them, and its result is kept until one of them, the
tools or this package change.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import IO

from tests.support import servers
from tests.support.snapshot import ROOT

TIMEOUT_SECONDS = 20 * 60


class FaultError(Exception):
    """The check found a fault; the log says which."""


@dataclass
class Findings:
    """What a check has to tell besides that it passed."""

    tests: int = 0
    skipped: list[str] = field(default_factory=list)


Run = Callable[[Path, IO[str]], Findings]


@dataclass(frozen=True)
class Check:
    """`run` gets a copy of a project that it may change, and a log; it raises `FaultError`.

    It is for projects that have a file like `needs`, a pattern.
    """

    name: str
    concerns: Callable[[str], bool]
    run: Run
    needs: str = "*"


def under(*patterns: str) -> Callable[[str], bool]:
    """The files that match one of the patterns; `*` matches a `/` too."""
    return lambda name: any(fnmatchcase(name, pattern) for pattern in patterns)


def execute(project: Path, log: IO[str], *command: str | Path, **environment: str) -> None:
    """Run a command in the project, with its output in the log.

    Raises `FaultError` when it fails or takes too long; what it leaves running is ended with it.
    """
    log.write(f"$ {' '.join(map(str, command))}\n")
    log.flush()
    # As on a user's own machine, where the first `make check` writes the contract.
    apart = ("CI", "MAKEFLAGS", "VIRTUAL_ENV", "PYTHONDONTWRITEBYTECODE")
    inherited = {k: v for k, v in os.environ.items() if k not in apart}
    # Scripts name their interpreter, and outlive the project where others use the environment.
    inherited["UV_PROJECT_ENVIRONMENT"] = str((project / ".venv").resolve())
    process = subprocess.Popen(
        command,
        cwd=project,
        env=inherited | environment,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        status = process.wait(TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired:
        raise FaultError(f"{command[0]} took more than {TIMEOUT_SECONDS} seconds") from None
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if status:
        raise FaultError(f"{' '.join(map(str, command))} exited with {status}")


def tool(name: str) -> Path | str:
    """A program of the template's own environment, or one on the path."""
    own = Path(sys.executable).with_name(name)
    return own if own.exists() else name


def commands(*lines: str) -> Run:
    """A check that is some commands in the project, such as `hadolint Dockerfile`."""

    def run(project: Path, log: IO[str]) -> Findings:
        for line in lines:
            program, *arguments = shlex.split(line)
            execute(project, log, tool(program), *arguments)
        return Findings()

    return run


def _check(project: Path, log: IO[str]) -> Findings:
    """`make check`, with the versions locked here."""
    shutil.copy(ROOT / "uv.lock", project / "uv.lock")
    execute(project, log, "make", "check")
    return Findings()


def _suite(project: Path, log: IO[str]) -> Findings:
    """`make test`, with the versions locked here.

    Tests that fail are run once more, by themselves. The suite kills and freezes real servers on a
    machine that is busy with other suites: what then passes is counted as unstable, not as passed
    unseen, and what fails again is a fault.
    """
    shutil.copy(ROOT / "uv.lock", project / "uv.lock")
    report = project / ".dev" / "junit.xml"
    try:
        # Several suites run at a time: see `--jobs`.
        environment = {"WORKERS": "2", **servers.environment(project)}
    except servers.MissingServerError as error:
        raise FaultError(str(error)) from error
    unstable = []
    try:
        execute(project, log, "make", "test", PYTEST_ADDOPTS=f"--junitxml={report}", **environment)
    except FaultError:
        unstable = [f"{name}: passed only when run again" for name in _failed(report)]
        if not 0 < len(unstable) <= _MOST_UNSTABLE:
            raise
        execute(project, log, "make", "test", PYTEST_ADDOPTS="--last-failed", **environment)
    cases = list(ElementTree.parse(report).iter("testcase"))
    if not cases:
        raise FaultError("make test ran no test")
    skipped = [
        f"{_name(case)}: {skip.get('message')}" for case in cases for skip in case.iter("skipped")
    ]
    return Findings(len(cases), unstable + skipped)


_MOST_UNSTABLE = 3


def _failed(report: Path) -> list[str]:
    """The tests that failed or broke; none where the run itself did not get so far."""
    if not report.exists():
        return []
    cases = ElementTree.parse(report).iter("testcase")
    return [_name(case) for case in cases if {part.tag for part in case} & {"failure", "error"}]


def _name(case: ElementTree.Element) -> str:
    return f"{case.get('classname')}::{case.get('name')}"


def _code(name: str) -> bool:
    """What `make check` and `make test` depend on: all but what only describes or deploys.

    The accounts of a deployment are tested with the code that serves by them.
    """
    described = ("docs/adr/*", "docs/configuration.md", "docs/deployment.md", "docs/runbook*")
    apart = ("deploy/*", ".github/*", *described)
    images = ("Dockerfile", ".dockerignore", "compose.yaml")
    tested = under("deploy/accounts.*")(name)
    return tested or not under(*apart, *images, ".copier-answers.yml")(name)


CHECKS = [
    Check("suite", _code, _suite),
    Check("check", _code, _check),
]
