"""A rendered project in the hands of a user: under version control, edited, updated."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import copier

from tests.support.snapshot import commit, git

GUARD = "go below this line"
# What a user may well have, where the template has a say too.
OWN_FILES = {
    "src/app/features/invoices/__init__.py": '"""Invoices: the template knows none."""\n',
    "tests/unit/test_invoices.py": "def test_an_invoice() -> None:\n    assert 1 + 1 == 2\n",
    "docs/invoices.md": "# Invoices\n",
}
_CONFLICT = ("<<<<<<< ", ">>>>>>> ")


def start(template: Path, project: Path, answers: Mapping[str, str], version: str = "") -> Path:
    """Render a project and commit it, as the message after a copy advises."""
    copier.run_copy(
        str(template),
        project,
        data=dict(answers),
        defaults=True,
        quiet=True,
        unsafe=True,
        vcs_ref=version or None,
    )
    git(project, "init", "--quiet", "--initial-branch=main")
    commit(project, "Start from the template")
    return project


def edit(project: Path, names: Iterable[str] = ()) -> list[str]:
    """Write what a user writes: lines below guard lines, a paragraph, and files of their own.

    Only the files `names` of the template are edited, where any are given. Returns those that were.
    """
    edited = []
    for name in names or git(project, "ls-files").splitlines():
        path = project / name
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        out: list[str] = []
        for line in lines:
            out.append(line)
            if GUARD in line:
                out.append(line[: len(line) - len(line.lstrip())] + "# Mine.\n")
        if name == "README.md":
            out[1:1] = ["\n", "Of the finance department.\n"]
        if out != lines:
            path.write_text("".join(out), encoding="utf-8")
            edited.append(name)
    for name, text in OWN_FILES.items():
        path = project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    commit(project, "Our own work")
    return edited


def update(project: Path, answers: Mapping[str, str] | None = None, quiet: bool = True) -> None:
    """Bring the project to the latest release, with other answers where given, and commit."""
    copier.run_update(
        project,
        data=dict(answers or {}),
        defaults=True,
        overwrite=True,
        quiet=quiet,
        unsafe=True,
    )
    listed = git(project, "ls-files", "--cached", "--others", "--exclude-standard")
    leftovers = [
        name
        for name in listed.splitlines()
        if (path := project / name).is_file()
        and (
            path.suffix in (".rej", ".orig")
            or any(line.startswith(_CONFLICT) for line in path.read_text().splitlines())
        )
    ]
    assert not leftovers, f"the update left conflicts in {leftovers}"
    commit(project, "Update from the template")


def tree(project: Path) -> dict[str, str]:
    """Every file under version control, by path."""
    return {
        name: (project / name).read_text(encoding="utf-8")
        for name in git(project, "ls-files").splitlines()
    }
