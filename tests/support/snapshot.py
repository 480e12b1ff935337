"""The template as a repository of its own.

Copier records the commit it renders. From a work tree with changes that would be a commit that
exists nowhere, and a project rendered from it could not be updated: so the work tree is copied,
committed and tagged first.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
_READ = ("copier.yml", "pyproject.toml", "docs/upgrading.md", "extensions", "includes", "template")
_AUTHOR = ("-c", "user.name=Template", "-c", "user.email=template@example.com")


def git(repository: Path, *arguments: str) -> str:
    """Run git as a fixed author, apart from the settings of the machine."""
    command = ("git", *_AUTHOR, "-c", "commit.gpgsign=false", "-c", "core.hooksPath=/dev/null")
    return subprocess.run(
        (*command, *arguments), cwd=repository, check=True, capture_output=True, text=True
    ).stdout


def commit(repository: Path, message: str, tag: str = "") -> None:
    """Record everything in the work tree; an unchanged tree gets an empty commit."""
    git(repository, "add", "--all")
    git(repository, "commit", "--allow-empty", "--message", message)
    if tag:
        git(repository, "tag", tag)


def overlay(destination: Path) -> None:
    """Copy what a render reads, of the files in the work tree that git knows or would add."""
    listed = git(ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard", *_READ)
    for name in filter(None, listed.split("\0")):
        source, target = ROOT / name, destination / name
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)


def snapshot(destination: Path, tag: str = "v1000.0.0") -> Path:
    """The work tree as one tagged commit in a new repository."""
    destination.mkdir(parents=True)
    git(destination, "init", "--quiet", "--initial-branch=main")
    overlay(destination)
    commit(destination, "The template", tag)
    return destination


def released_tags() -> list[str]:
    return [tag for tag in git(ROOT, "tag", "--list", "v*").split() if tag[1:2].isdigit()]


def history(destination: Path) -> Path:
    """Every release, with the work tree on top as one more."""
    git(ROOT, "clone", "--quiet", "--no-checkout", str(ROOT), str(destination))
    git(destination, "checkout", "--quiet", "--detach", "HEAD")
    git(destination, "rm", "-r", "--quiet", ".")
    overlay(destination)
    commit(destination, "The template", "v1000.0.0")
    return destination
