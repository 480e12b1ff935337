"""The documentation says what the catalogue and the files say."""

from __future__ import annotations

import re

from extensions.catalogue import AXES
from extensions.layers import LAYERS
from tests.support.snapshot import ROOT
from tools.options import PATH, page


def test_the_tables_of_options_come_from_the_catalogue() -> None:
    current = PATH.read_text(encoding="utf-8")
    assert page(current) == current, "run make docs"


def test_the_readme_shows_every_option() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for axis in AXES.values():
        (row,) = (line for line in readme.splitlines() if line.startswith(f"| `{axis.name}` "))
        shown = re.findall(r"`(\w+)`", row)[1:]
        assert shown == [choice.name for choice in axis.choices], f"README.md, the row {axis.name}"


def test_the_layers_of_the_architecture_page_are_those_declared() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    shown = re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)
    assert shown == list(LAYERS), "docs/architecture.md and extensions/layers.py"


def test_paths_named_in_the_documentation_exist() -> None:
    """All but those of the option that the architecture page adds as an example."""
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
    for file in pages:
        for path in re.findall(
            r"`((?:extensions|tests|tools|docs|template|benchmarks)/[^`*…<]+)`", file.read_text()
        ):
            assert (ROOT / path).exists() or "nats" in path, f"{file.name} names {path}"
