"""One snapshot of the template, and one render of each valid combination, for the whole run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
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
def _no_question_to_git_for_each_file() -> Iterator[None]:
    """Copier asks git about every file it writes, for file systems without an executable bit.

    There is nothing for it to do here, and it takes half the time of these tests.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Worker, "_sync_git_index_executable_bit", lambda *_: None)
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
