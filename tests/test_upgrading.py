"""Which notes a user is shown after an update."""

from __future__ import annotations

import pytest

from extensions.upgrading import notes, release
from tests.support.snapshot import ROOT

TEXT = """# Upgrading

Read the notes of every version you cross.

## 2.0.0 (2027-01-01)

Two.

## 1.10.0

One ten.

## 1.9.0

One nine.
"""


@pytest.mark.parametrize(
    ("old", "new", "shown"),
    [
        ("v1.9.0", "v2.0.0", ["One ten.", "Two."]),
        ("1.8.3", "1.10.0", ["One nine.", "One ten."]),
        ("v1.9.0-4-gabcdef1", "v1.10.0", ["One ten."]),
        ("v2.0.0", "v2.0.0", []),
        ("abcdef1", "v2.0.0", []),
        ("", "v2.0.0", []),
    ],
)
def test_the_notes_of_the_versions_crossed_oldest_first(
    old: str, new: str, shown: list[str]
) -> None:
    found = notes(TEXT, old, new)
    assert [line for line in found.splitlines() if line and not line.startswith("#")] == shown


def test_every_release_of_the_changelog_has_its_notes() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    upgrading = (ROOT / "docs" / "upgrading.md").read_text(encoding="utf-8")
    released = [
        line.split("[")[1].split("]")[0]
        for line in changelog.splitlines()
        if line.startswith("## [") and release(line.split("[")[1])
    ]
    assert "## [Unreleased]" in changelog
    for version in released:
        assert f"## {version}" in upgrading
