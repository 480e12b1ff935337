"""The matrix runs what has to be run, once, and does not pass what failed."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from itertools import chain, product
from pathlib import Path
from typing import IO

import pytest

from tests.matrix import checks, plan, report, results
from tests.matrix.checks import Check, FaultError, Findings, commands, execute, under
from tests.matrix.plan import Job, Project, jobs, shard
from tests.matrix.results import kept, run


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "CACHE", tmp_path / "cache")


def _project(tmp_path: Path, name: str = "one", **files: str) -> Project:
    path = tmp_path / name
    path.mkdir()
    for file, digest in files.items():
        (path / file).write_text(digest)
    return Project(name, path, files)


def _job(tmp_path: Path, run_check: checks.Run) -> Job:
    project = _project(tmp_path, a="1")
    return Job(Check("probe", under("*"), run_check), "digest", project.path, [project.name])


def test_each_distinct_set_of_files_is_one_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "CHECKS", [Check("probe", under("a*"), commands("true"))])
    found = jobs(
        [
            _project(tmp_path, "one", a="1", b="1"),
            _project(tmp_path, "two", a="1", b="2"),
            _project(tmp_path, "three", a="2", b="1"),
            _project(tmp_path, "four", b="1"),
        ]
    )
    assert [job.combinations for job in found] == [["one", "two"], ["three"]]


def test_a_check_is_for_projects_that_have_what_it_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    probe = Check("probe", under("a"), commands("true"), needs="b*")
    monkeypatch.setattr(plan, "CHECKS", [probe])
    found = jobs([_project(tmp_path, "one", a="1"), _project(tmp_path, "two", a="1", b="1")])
    assert [job.combinations for job in found] == [["two"]]


def test_the_contract_is_checked_of_projects_over_http(template: Path, tmp_path: Path) -> None:
    named = {answers["protocol"]: answers for answers in plan.named_combinations().values()}
    rendered = list(plan.projects(template, tmp_path, 1, named))
    checked = [job.combinations for job in jobs(rendered) if job.check.name == "contract"]
    assert sorted(chain(*checked)) == ["graphql", "rest"]


@pytest.mark.parametrize("few", [False, True])
def test_only_what_is_named_is_rendered(few: bool) -> None:
    every = plan.selected("", few)
    assert plan.UNUSUAL in every
    assert every.keys() - plan.named_combinations() == {plan.UNUSUAL}
    some = plan.selected("sqlite", few)
    assert some == {name: every[name] for name in every if "sqlite" in name}
    assert plan.selected(plan.UNUSUAL, few) == {plan.UNUSUAL: every[plan.UNUSUAL]}
    assert plan.selected("oracle", few) == {}


def test_many_combinations_are_told_by_the_first() -> None:
    assert plan.title(["one"]) == "one"
    assert plan.title(["one", "two", "three"]) == "one and 2 more"


def test_a_few_combinations_have_every_pair_of_choices() -> None:
    named = plan.named_combinations()
    chosen = plan.pairwise(named)
    assert len(chosen) < len(named) / 2

    def pairs(names: Iterable[str]) -> set[object]:
        return {pair for name in names for pair in product(named[name].items(), repeat=2)}

    assert pairs(chosen) == pairs(named)


def test_shards_share_out_all_the_work(tmp_path: Path) -> None:
    check = Check("probe", under("*"), commands("true"))
    every = [Job(check, f"{number:02}", tmp_path) for number in range(20)]
    shared = [job.digest for number in range(1, 9) for job in shard(every, f"{number}/8")]
    assert sorted(shared) == [job.digest for job in every]
    assert len(shard(every, "8/8")) >= len(every) // 8


@pytest.mark.parametrize("part", ["0/8", "9/8", "1", "a/b", "1/0"])
def test_a_shard_that_is_none_is_refused(part: str) -> None:
    with pytest.raises(ValueError, match="a shard is written 1/8"):
        shard([], part)


def test_what_passed_is_kept_and_what_failed_is_not(tmp_path: Path) -> None:
    def run_check(project: Path, log: IO[str]) -> Findings:
        if (project / "a").read_text() == "1":
            raise FaultError("one is too few")
        return Findings(tests=3, skipped=["why"])

    job = _job(tmp_path, run_check)
    assert run(job).fault == "one is too few"
    assert kept(job) is None
    (job.project / "a").write_text("2")
    assert run(job).fault == ""
    again = kept(job)
    assert again is not None
    assert (again.tests, again.skipped, again.kept) == (3, ["why"], True)


def test_a_check_that_breaks_is_a_fault(tmp_path: Path) -> None:
    def run_check(project: Path, log: IO[str]) -> Findings:
        raise KeyError("missing")

    assert "the check broke" in run(_job(tmp_path, run_check)).fault


def test_a_command_that_fails_or_does_not_exist_is_a_fault(tmp_path: Path) -> None:
    assert "exited with 3" in run(_job(tmp_path, commands("true", "python -c exit(3)"))).fault
    (tmp_path / "one" / "a").unlink()
    (tmp_path / "one").rmdir()
    assert run(_job(tmp_path, commands("no-such-program"))).fault


def test_what_takes_too_long_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "TIMEOUT_SECONDS", 0.2)

    def run_check(project: Path, log: IO[str]) -> Findings:
        execute(project, log, sys.executable, "-c", "import time; time.sleep(60)")
        return Findings()

    assert "took more than 0.2 seconds" in run(_job(tmp_path, run_check)).fault


def test_the_report_shows_faults_with_their_log_and_counts_skips(tmp_path: Path) -> None:
    def run_check(project: Path, log: IO[str]) -> Findings:
        log.write("<it went wrong>\n")
        raise FaultError("too bad")

    result = run(_job(tmp_path, run_check))
    result.skipped = ["no server", "no server"]
    text = report.write([result], "facts", tmp_path / "report")
    assert "too bad" in text
    assert "<it went wrong>" in text
    assert "skipped in 2: no server" in text
    assert "&lt;it went wrong&gt;" in (tmp_path / "report" / "matrix.html").read_text()
