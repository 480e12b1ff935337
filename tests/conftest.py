"""One snapshot of the template, and one render of each valid combination, for the whole run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from copier._jinja_ext import SandboxedEnvironment
from copier._main import Worker

from extensions.catalogue import combinations
from tests.support.rendering import Renderer
from tests.support.snapshot import snapshot

COMBINATIONS = {"-".join(answers.values()): answers for answers in combinations()}


@dataclass(frozen=True)
class Rendered:
    """A project rendered with `answers`."""

    path: Path
    answers: dict[str, str]

    def files(self) -> Iterator[tuple[str, Path]]:
        for path in sorted(self.path.rglob("*")):
            if path.is_file():
                yield path.relative_to(self.path).as_posix(), path


@pytest.fixture(scope="session", autouse=True)
def _copier_without_its_slowest_parts() -> Iterator[None]:
    """Most of the time of a render goes into what changes nothing here.

    Copier asks git about every file it writes, for file systems without an executable bit, and it
    compiles each segment of each path anew.
    """
    compiled: dict[str, Any] = {}
    original = SandboxedEnvironment.compile

    def compile_once(self: Any, source: Any, *names: Any, **options: Any) -> Any:
        if not isinstance(source, str) or names:
            return original(self, source, *names, **options)
        if source not in compiled:
            compiled[source] = original(self, source, **options)
        return compiled[source]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Worker, "_sync_git_index_executable_bit", lambda *_: None)
        patch.setattr(SandboxedEnvironment, "compile", compile_once)
        yield


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with the work tree as its only release."""
    return snapshot(tmp_path_factory.mktemp("template") / "copier-production-api")


@pytest.fixture(scope="session")
def renderer(template: Path) -> Iterator[Renderer]:
    with Renderer(template) as renderer:
        yield renderer


@pytest.fixture(scope="session", params=COMBINATIONS)
def rendered(
    request: pytest.FixtureRequest, renderer: Renderer, tmp_path_factory: pytest.TempPathFactory
) -> Rendered:
    """Each valid combination in turn."""
    answers = COMBINATIONS[request.param]
    path = tmp_path_factory.mktemp("rendered") / request.param
    renderer.render(answers, path)
    return Rendered(path, answers)
