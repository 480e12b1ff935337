"""Results, kept by the digest of what they are about."""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
import traceback
from dataclasses import asdict, dataclass, field

from tests.matrix.checks import FaultError
from tests.matrix.plan import Job
from tests.support.snapshot import ROOT, commit, git

CACHE = ROOT / ".cache" / "matrix"


@dataclass
class Result:
    """How a job ended; `fault` is empty when it passed, `log` is where its output stands."""

    check: str
    digest: str
    combinations: list[str]
    fault: str
    seconds: float
    log: str
    tests: int = 0
    skipped: list[str] = field(default_factory=list)
    kept: bool = False


def kept(job: Job) -> Result | None:
    """The result of an earlier run that passed."""
    path = CACHE / "results" / f"{job.check.name}-{job.digest}.json"
    if not path.exists():
        return None
    earlier = Result(**json.loads(path.read_text(encoding="utf-8")))
    earlier.combinations, earlier.kept = job.combinations, True
    return earlier


def clear_work() -> None:
    """Remove the copies that earlier runs have left, except those of a run that still goes on."""
    for place in (CACHE / "work").glob("*"):
        try:
            os.kill(int(place.name), 0)
        except (ProcessLookupError, ValueError):
            shutil.rmtree(place, ignore_errors=True)


def run(job: Job) -> Result:
    """Run a job in a copy of its project, which is left in place when a fault was found."""
    name = f"{job.check.name}-{job.digest}"
    place = CACHE / "work" / str(os.getpid()) / name
    log_path = CACHE / "logs" / f"{name}.txt"
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(job.project, place)
    # A repository of its own, as users have: else tools take the template's for the project's.
    git(place, "init", "--quiet", "--initial-branch=main")
    commit(place, "Start from the template")
    # What a job of the thread installs, the next one has, compiled: `uv sync` does the rest.
    environment = place.with_name(threading.current_thread().name)
    environment.mkdir(exist_ok=True)
    (place / ".venv").symlink_to(environment)
    log_path.parent.mkdir(parents=True, exist_ok=True)
    result = Result(job.check.name, job.digest, job.combinations, "", 0, str(log_path))
    begun = time.monotonic()
    with log_path.open("w", encoding="utf-8") as log:
        try:
            findings = job.check.run(place, log)
            result.tests, result.skipped = findings.tests, findings.skipped
        except FaultError as fault:
            result.fault = str(fault)
        except Exception as error:
            # A check that breaks is a fault of its own, and no reason to lose the other results.
            traceback.print_exc(file=log)
            result.fault = f"the check broke: {error!r}"
    result.seconds = round(time.monotonic() - begun, 1)
    if not result.fault:
        shutil.rmtree(place)
        path = CACHE / "results" / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(result), indent=1), encoding="utf-8")
    return result
