"""What a user has to know about the versions an update crosses, taken from `docs/upgrading.md`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, pass_context
from jinja2.ext import Extension
from jinja2.runtime import Context

_RELEASE = re.compile(r"v?(\d+)\.(\d+)\.(\d+)")
_HEADING = re.compile(r"^## (v?\d+\.\d+\.\d+)\b.*$", re.MULTILINE)


def release(described: str) -> tuple[int, ...] | None:
    """The release in a version or a `git describe`, such as `v1.2.0-3-gabc1234`."""
    match = _RELEASE.match(described)
    return tuple(map(int, match.groups())) if match else None


def notes(text: str, old: str, new: str) -> str:
    """The sections of `text` about releases after `old`, up to and with `new`, oldest first."""
    after, upto = release(old), release(new)
    if after is None or upto is None:
        return ""
    parts = _HEADING.split(text)[1:]
    crossed = [
        (version, f"## {heading}\n\n{body.strip()}")
        for heading, body in zip(parts[::2], parts[1::2], strict=True)
        if (version := release(heading)) and after < version <= upto
    ]
    return "\n\n".join(section for _, section in sorted(crossed))


class Upgrading(Extension):
    """Gives the messages around an update `updating_from()` and `upgrading_notes()`."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        # The answers file names the old version only until the update has rewritten it.
        self._old = ""
        environment.globals["updating_from"] = self._updating_from
        environment.globals["upgrading_notes"] = self._upgrading_notes

    @pass_context
    def _updating_from(self, context: Context) -> str:
        conf: Any = context["_copier_conf"]
        answers = Path(conf["dst_path"], conf["answers_file"] or ".copier-answers.yml")
        self._old = str(yaml.safe_load(answers.read_text(encoding="utf-8")).get("_commit", ""))
        return self._old

    @pass_context
    def _upgrading_notes(self, context: Context) -> str:
        path = Path(__file__).parents[1] / "docs" / "upgrading.md"
        return notes(path.read_text(encoding="utf-8"), self._old, str(context["_commit"]))
