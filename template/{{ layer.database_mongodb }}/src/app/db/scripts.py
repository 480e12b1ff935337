"""The migrations that a project has: Python scripts, in a folder for each branch."""

import re
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import cast

import typer
from pymongo.asynchronous.database import AsyncDatabase

from app.db.client import Document

Step = Callable[[AsyncDatabase[Document]], Awaitable[None]]

REVISION = re.compile(r"(?P<branch>[a-z][a-z_]*)_(?P<number>\d{4})")
_FILE = re.compile(rf"(?P<revision>{REVISION.pattern})_\w+\.py")
_OF_ALEMBIC = re.compile(r"^(?:from|import) alembic\b|^down_revision\b", re.MULTILINE)


class MigrationError(Exception):
    """The migrations cannot be run; the message is one line that says why."""


@dataclass(frozen=True)
class Script:
    """`<branch>_<number>_<what>.py`, which runs after all of its branch with lower numbers.

    It has `async def upgrade(database)` and `async def downgrade(database)`, which may be run again
    after they were interrupted, and may have `depends_on`, a tuple of revisions of other branches.
    """

    revision: str
    branch: str
    path: Path

    @cached_property
    def _module(self) -> ModuleType:
        spec = spec_from_file_location(f"migrations.{self.revision}", self.path)
        assert spec is not None
        assert spec.loader is not None
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    @property
    def about(self) -> str:
        """The first line of its docstring."""
        return (self._module.__doc__ or "").partition("\n")[0]

    @property
    def depends_on(self) -> tuple[str, ...]:
        return tuple(getattr(self._module, "depends_on", ()))

    async def upgrade(self, database: AsyncDatabase[Document]) -> None:
        await cast(Step, self._module.upgrade)(database)

    async def downgrade(self, database: AsyncDatabase[Document]) -> None:
        await cast(Step, self._module.downgrade)(database)


class Scripts:
    """All scripts, in an order in which each comes after what it builds on."""

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise MigrationError(f"{folder} is not here: run this in the root of the project")
        found = [script for path in sorted(folder.glob("*/*.py")) if (script := _script(path))]
        self._scripts = {script.revision: script for script in found}
        self._before: dict[str, list[str]] = {}
        last: dict[str, str] = {}
        for script in found:
            own = [last[script.branch]] if script.branch in last else []
            self._before[script.revision] = [*own, *script.depends_on]
            last[script.branch] = script.revision
        self.branches = frozenset(last)

    def get(self, revision: str) -> Script:
        """The script; raises MigrationError where there is none."""
        if revision not in self._scripts:
            raise MigrationError(f"Can't locate revision {revision}")
        return self._scripts[revision]

    def needed_for(self, target: str) -> list[Script]:
        """What leads to `heads`, to `<branch>@head` or to a revision, in order."""
        branch, at, place = target.partition("@")
        if target == "heads":
            ends: Iterable[str] = self._scripts
        elif at and place == "head" and branch in self.branches:
            ends = [script.revision for script in self._of(branch)]
        else:
            ends = [self.get(target).revision]
        ordered: dict[str, None] = {}
        for end in ends:
            self._collect(end, ordered, ())
        return [self._scripts[revision] for revision in ordered]

    def undone_by(self, target: str, applied: set[str]) -> list[Script]:
        """What has to be undone, in order, for `base`, `<branch>@base` or `<branch>@-<number>`."""
        branch, at, place = target.partition("@")
        if target == "base":
            goes = set(applied)
        elif at and branch in self.branches and re.fullmatch(r"base|-\d+", place):
            own = [it.revision for it in self._of(branch) if it.revision in applied]
            goes = set(own if place == "base" else own[int(place) :])
        else:
            raise MigrationError(f"Can't go back to {target}: base, <branch>@base or <branch>@-1")
        ordered = [it for it in self.needed_for("heads") if it.revision in applied]
        for script in ordered:
            if not goes.isdisjoint(self._before[script.revision]):
                goes.add(script.revision)
        return [script for script in reversed(ordered) if script.revision in goes]

    def _of(self, branch: str) -> list[Script]:
        return [script for script in self._scripts.values() if script.branch == branch]

    def _collect(self, revision: str, ordered: dict[str, None], path: tuple[str, ...]) -> None:
        if revision in path:
            raise MigrationError(f"{revision} depends on itself")
        for before in self._before[self.get(revision).revision]:
            self._collect(before, ordered, (*path, revision))
        ordered[revision] = None


def _script(path: Path) -> Script | None:
    named = _FILE.fullmatch(path.name)
    if _OF_ALEMBIC.search(path.read_text(encoding="utf-8")):
        typer.echo(f"{path} is of Alembic, for an SQL database: passed over", err=True)
        return None
    if named is None:
        raise MigrationError(f"{path} must be named <branch>_<four digits>_<what>.py")
    return Script(named["revision"], named["branch"], path)
