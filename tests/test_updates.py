"""Updates keep what users wrote, and bring a project where a fresh render would be."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from extensions.catalogue import AXES
from tests.support.projects import edit, start, tree, update
from tests.support.snapshot import commit, git, history, released_tags, snapshot

# All of these can be switched one by one without meeting a conflict.
BASE = {
    "profile": "saas",
    "protocol": "rest",
    "database": "postgresql",
    "auth": "jwt",
    "queue": "redis",
    "cache": "redis",
    "hosting": "compose",
    "versioning": "url",
    "python_version": "3.11",
}
SWITCHES = [
    (axis.name, choice.name)
    for axis in AXES.values()
    for choice in axis.choices
    if axis.name in BASE and choice.name != BASE[axis.name]
]


def _fresh(template: Path, project: Path, answers: dict[str, str]) -> dict[str, str]:
    """A project that was rendered with these answers from the start, with the same edits."""
    edit(start(template, project, answers))
    return tree(project)


def _pair(
    template: Path, place: Path, one: dict[str, str], other: dict[str, str]
) -> tuple[Path, dict[str, str]]:
    """A project with the answers `one`, and the tree it should have with the answers `other`.

    Both have the same edits, in files that they share: an option takes its own files with it.
    """
    project = start(template, place / "project", one)
    fresh = start(template, place / "fresh", other)
    shared = sorted(tree(project).keys() & tree(fresh).keys())
    assert edit(project, shared) == edit(fresh, shared) != []
    return project, tree(fresh)


def test_every_axis_with_a_choice_is_switched() -> None:
    assert {axis for axis, _ in SWITCHES} == {
        axis.name for axis in AXES.values() if len(axis.choices) > 1
    }


@pytest.mark.parametrize(("axis", "choice"), SWITCHES)
def test_an_option_is_switched_on_off_and_on_again(
    template: Path, tmp_path: Path, axis: str, choice: str
) -> None:
    switched = BASE | {axis: choice}
    project, after = _pair(template, tmp_path, BASE, switched)
    before = tree(project)
    assert before != after

    for answers, expected in ((switched, after), (BASE, before), (switched, after)):
        update(project, {axis: answers[axis]})
        assert tree(project) == expected


def test_switching_everything_at_once(template: Path, tmp_path: Path) -> None:
    large = BASE | {"hosting": "kubernetes"}
    small = BASE | {"database": "sqlite", "queue": "none", "cache": "memory"}
    small["versioning"] = "header"
    project, expected = _pair(template, tmp_path, large, small)
    update(project, small)
    assert tree(project) == expected


def test_a_choice_that_no_longer_fits_gives_way(template: Path, tmp_path: Path) -> None:
    """One machine is the only place for SQLite: choosing it moves the project off Kubernetes."""
    project = start(template, tmp_path / "project", BASE | {"hosting": "kubernetes"})
    update(project, {"database": "sqlite"})
    assert "hosting: compose" in (project / ".copier-answers.yml").read_text()
    assert tree(project) == tree(
        start(template, tmp_path / "fresh", BASE | {"database": "sqlite", "hosting": "compose"})
    )


def test_files_that_users_deleted_stay_away(template: Path, tmp_path: Path) -> None:
    project = start(template, tmp_path / "project", BASE)
    (project / "Makefile").unlink()
    commit(project, "We use just")
    update(project, {"queue": "none"})
    assert not (project / "Makefile").exists()


@pytest.fixture
def next_release(tmp_path: Path) -> Path:
    """The work tree as a release, and another one that changes what users touch too."""
    template = snapshot(tmp_path / "template")
    base = template / "template" / "{{ layer.base }}"
    pyproject = template / "pyproject.toml"
    text = pyproject.read_text(encoding="utf-8")
    text = re.sub(r'"pydantic>=[0-9.]+"', '"pydantic>=99.0"', text)
    text = text.replace("\nbase = [\n", '\nbase = [\n    "aaa-first>=1.0",\n    "zzz-last>=1.0",\n')
    pyproject.write_text(text, encoding="utf-8")
    readme = base / "README.md.jinja"
    text = readme.read_text(encoding="utf-8")
    text = text.replace("\n## ", "\n## New in this release\n\nA lot.\n\n## ", 1)
    readme.write_text(text, encoding="utf-8")
    (base / "src" / "app" / "platform" / "added.py").write_text('"""Added."""\n', encoding="utf-8")
    (base / "src" / "app" / "platform" / "gcra.py").unlink()
    notes = template / "docs" / "upgrading.md"
    notes.write_text("# Upgrading\n\n## 1001.0.0\n\nRun the new thing.\n", encoding="utf-8")
    commit(template, "The next release", "v1001.0.0")
    return template


def test_a_release_reaches_an_edited_project(
    next_release: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    project = start(next_release, tmp_path / "project", BASE, version="v1000.0.0")
    edit(project)
    update(project, quiet=False)
    told = capfd.readouterr().err
    assert "Updating from v1000.0.0" in told
    assert "is updated to template v1001.0.0" in told
    assert "Run the new thing." in told
    assert "Read docs/updating.md of the template" in told

    expected = _fresh(next_release, tmp_path / "fresh", BASE)
    assert tree(project) == expected
    assert '"aaa-first>=1.0"' in expected["pyproject.toml"]
    assert "src/app/platform/added.py" in expected
    assert "src/app/platform/gcra.py" not in expected


@pytest.mark.parametrize("version", released_tags() or ["HEAD"])
def test_a_released_version_is_updated_to_the_work_tree(tmp_path: Path, version: str) -> None:
    """From each release; before the first one, from the last commit.

    Edited are the files that have guard lines in that version.
    """
    template = history(tmp_path / "template")
    if version == "HEAD":
        version = "v0.0.0"
        git(template, "tag", version, "HEAD~")
    project = start(template, tmp_path / "project", BASE, version=version)
    edited = edit(project)
    update(project)
    fresh = start(template, tmp_path / "fresh", BASE)
    edit(fresh, edited)
    assert tree(project) == tree(fresh)
