"""What there is to do: the combinations, rendered, and the distinct trees among them."""

from __future__ import annotations

import fnmatch
import hashlib
import inspect
import os
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from itertools import combinations as pairs_of
from pathlib import Path

from extensions.catalogue import combinations
from tests.contract.checks import CHECKS as CONTRACT_CHECKS
from tests.deploy.checks import CHECKS as DEPLOYMENT_CHECKS
from tests.matrix import checks
from tests.matrix.checks import CHECKS as CODE_CHECKS
from tests.matrix.checks import Check
from tests.support.rendering import Renderer
from tests.support.snapshot import ROOT

CHECKS = [*CODE_CHECKS, *CONTRACT_CHECKS, *DEPLOYMENT_CHECKS]

# Names at the edge of what is accepted, in front of everything that runs.
UNUSUAL = "unusual-names"
UNUSUAL_NAMES = {
    "project_name": "Bob's & Ann's: the #1 service, 100% done! 注文",
    "project_slug": "the-service-whose-name-is-forty-letters2",
    "project_description": "- yes: [no] | 'maybe' & @you, #1 ~ 100%",
    "owner": "Example-Org",
    "license": "Apache-2.0",
}


@dataclass(frozen=True)
class Project:
    """A rendered combination; `files` has the digest of each file."""

    name: str
    path: Path
    files: Mapping[str, str]


@dataclass
class Job:
    """One check of one distinct set of files, and the combinations that share that set."""

    check: Check
    digest: str
    project: Path
    combinations: list[str] = field(default_factory=list)


def named_combinations() -> dict[str, dict[str, str]]:
    """Every valid combination by its name."""
    return {"-".join(answers.values()): answers for answers in combinations()}


def pairwise(named: Mapping[str, Mapping[str, str]]) -> list[str]:
    """A few of the combinations, which have every pair of choices that any of them has."""
    pairs = {name: set(pairs_of(answers.items(), 2)) for name, answers in named.items()}
    wanted = set().union(*pairs.values())
    chosen = []
    while wanted:
        best = max(pairs, key=lambda name: len(pairs[name] & wanted))
        wanted -= pairs[best]
        chosen.append(best)
    return chosen


def selected(only: str, few: bool) -> dict[str, dict[str, str]]:
    """What to render: every combination, or a few, and the first once more with unusual names.

    Of these, the ones whose name contains `only`.
    """
    named = named_combinations()
    if few:
        named = {name: named[name] for name in pairwise(named)}
    named[UNUSUAL] = {**next(iter(named.values())), **UNUSUAL_NAMES}
    return {name: answers for name, answers in named.items() if only in name}


def title(combinations: list[str]) -> str:
    """The first of the combinations, and how many more there are."""
    first, *others = combinations
    return f"{first} and {len(others)} more" if others else first


def projects(
    template: Path,
    destination: Path,
    processes: int,
    named: Mapping[str, Mapping[str, str]],
) -> Iterator[Project]:
    """Render each of the combinations."""
    with ProcessPoolExecutor(processes, initializer=_prepare, initargs=(template,)) as pool:
        paths = [destination / name for name in named]
        for name, path, files in zip(
            named, paths, pool.map(_render, named.values(), paths), strict=True
        ):
            yield Project(name, path, files)


_renderer: Renderer | None = None


def _prepare(template: Path) -> None:
    global _renderer
    _renderer = Renderer(template)


def _render(answers: Mapping[str, str], path: Path) -> dict[str, str]:
    assert _renderer is not None
    _renderer.render(answers, path)
    return {
        file.relative_to(path).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(path.rglob("*"))
        if file.is_file()
    }


def jobs(rendered: list[Project]) -> list[Job]:
    """One job for each check and each distinct set of the files that concern it."""
    found: dict[tuple[str, str], Job] = {}
    for check in CHECKS:
        for project in rendered:
            if not fnmatch.filter(project.files, check.needs):
                continue
            concerned = {name: it for name, it in project.files.items() if check.concerns(name)}
            if not concerned:
                continue
            digest = _digest(check, concerned)
            job = found.setdefault((check.name, digest), Job(check, digest, project.path))
            job.combinations.append(project.name)
    return list(found.values())


def shard(every: list[Job], part: str) -> list[Job]:
    """The share `part`, such as `1/8`, of the jobs, the longest of them first as in `CHECKS`."""
    index, _, count = part.partition("/")
    if not (index.isdigit() and count.isdigit() and 1 <= int(index) <= int(count)):
        raise ValueError(f"a shard is written 1/8, not {part}")
    names = list(dict.fromkeys(job.check.name for job in every))
    ordered = sorted(every, key=lambda job: (names.index(job.check.name), job.digest))
    return ordered[int(index) - 1 :: int(count)]


def _digest(check: Check, files: Mapping[str, str]) -> str:
    """Changes with the files, the versions of everything installed, and the check itself."""
    facts = [check.name, sys.version, *_source(check)]
    facts += [(ROOT / "uv.lock").read_text(encoding="utf-8")]
    facts += [f"{name} {digest}" for name, digest in sorted(files.items())]
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:20]


@cache
def _source(check: Check) -> list[str]:
    """The text of the check: what all checks share, and the folder that it comes from."""
    shared = Path(checks.__file__)
    folder = Path(inspect.getfile(check.run)).parent
    own = sorted(folder.glob("*.*")) if folder != shared.parent else []
    return [path.read_text(encoding="utf-8") for path in (shared, *own)]


def processors() -> int:
    """The processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
