"""Rendering many combinations in one process, by Copier itself.

A `copier copy` process clones the template, imports Copier and compiles each path segment anew. The
renderer here keeps the clone, the configuration and the compiled templates from one combination to
the next; a test holds its output equal to that of a plain process.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

from copier._jinja_ext import SandboxedEnvironment
from copier._main import Worker
from copier._template import Template


class _Warm(Worker):
    """A worker with a template and an environment that were made before."""

    shared: tuple[Template, SandboxedEnvironment]

    @cached_property
    def template(self) -> Template:
        return self.shared[0]

    @cached_property
    def jinja_env(self) -> SandboxedEnvironment:
        return self.shared[1]

    def _sync_git_index_executable_bit(self, dst_relpath: Path, src_mode: int) -> None:
        """Nothing to do outside a repository; the original asks git for each file."""


class Renderer:
    """Renders the template in the repository `source`; a context manager, as it holds a clone."""

    def __init__(self, source: Path) -> None:
        self._source = str(source)
        self._first = Worker(src_path=self._source, defaults=True, quiet=True, unsafe=True)
        environment = self._first.jinja_env
        environment.auto_reload = False
        self._shared = (self._first.template, environment)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._first._cleanup()

    def render(self, answers: Mapping[str, str], destination: Path) -> None:
        worker = _Warm(
            src_path=self._source,
            dst_path=destination,
            data=dict(answers),
            defaults=True,
            quiet=True,
            unsafe=True,
        )
        worker.shared = self._shared
        worker.run_copy()
