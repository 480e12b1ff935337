"""Texts in the user's own words: refused with one line, or harmless wherever they land."""

from __future__ import annotations

import ast
import json
import keyword
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from copier._cli import CopierApp
from packaging.requirements import Requirement
from packaging.utils import is_normalized_name

from extensions.names import FAULTS, slug
from tests.support.rendering import Renderer

HOSTILE_TEXT = {
    "double quote": 'Say "hi"',
    "backslash": "back\\slash",
    "line break": "one\ntwo",
    "carriage return": "one\rtwo",
    "escape sequence": "\x1b[31mred",
    "null": "nul\x00l",
    "right-to-left override": "name\u202egpj",
    "lone surrogate": "\ud800",
    "jinja": "{{ 7 * 7 }}",
    "jinja block": "{% raw %}",
    "workflow expression": "${{ secrets.TOKEN }}",
    "command": "`id`",
    "variable": "$HOME",
    "markup": "<script>alert(1)</script>",
    "empty": "",
    "space": "   ",
    "trailing space": "name ",
}
HARMLESS_TEXT = [
    "Bob's & Ann's: the #1 service, 100% done!",
    "注文サービス",
    "Ünïcödé Sërvice",
    "- yes: no | *a* &b [c] @d ~",
    "'''",
    "# heading",
    "null",
    "1.0",
]
HOSTILE_SLUGS = [
    "",
    "-",
    "a-",
    "-a",
    "a--b",
    "1st",
    "Upper",
    "under_score",
    "dot.dot",
    "../up",
    "a b",
    "naïve",
    "a{{b}}",
    "class",
    "match",
    "fastapi",
    "opentelemetry-api",
    "a" * 41,
]


@pytest.mark.parametrize("name", ["project_name", "project_description"])
@pytest.mark.parametrize("value", HOSTILE_TEXT.values(), ids=HOSTILE_TEXT)
def test_text_that_could_end_a_string_is_refused(name: str, value: str) -> None:
    assert FAULTS[name](value)


@pytest.mark.parametrize("value", HOSTILE_SLUGS)
def test_a_slug_that_is_no_package_or_host_name_is_refused(value: str) -> None:
    assert FAULTS["project_slug"](value)


@pytest.mark.parametrize("value", ["", "a/b", "a--b", "-a", "a b", "a" * 40, "ö", "{{x}}"])
def test_an_owner_that_is_no_account_is_refused(value: str) -> None:
    assert FAULTS["owner"](value)


@pytest.mark.parametrize("name", ["project_name", "project_description", "project_slug", "owner"])
def test_a_very_long_answer_is_refused(name: str) -> None:
    assert "at most" in FAULTS[name]("a" * 10_000)


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        ("project_name={{ 7 * 7 }}", "project_name must not contain { }"),
        ("project_name=one\ntwo", "project_name must be one line of printable characters."),
        ("project_description=${{ a }}", "project_description must not contain $ { }"),
        (
            "project_slug=class",
            "project_slug is a reserved word or the name of a package the project depends on.",
        ),
        (
            "owner=a/b",
            "owner must be an account or organisation: "
            "at most 39 letters, digits and single hyphens.",
        ),
    ],
)
def test_an_unusable_answer_ends_with_one_line(
    template: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], answer: str, line: str
) -> None:
    command = ["copier", "copy", "--trust", "--defaults", "--quiet", "--data", answer]
    _, status = CopierApp.run([*command, str(template), str(tmp_path / "x")], exit=False)
    assert status == 1
    assert capfd.readouterr().err.strip() == line


@pytest.mark.parametrize(
    "name",
    [*HARMLESS_TEXT, *HOSTILE_TEXT.values(), *keyword.kwlist, "FastAPI", "9 lives", "x" * 500],
)
def test_every_name_has_a_usable_default_slug(name: str) -> None:
    found = slug(name)
    assert FAULTS["project_slug"](found) == ""
    assert is_normalized_name(found)


@pytest.mark.parametrize("text", HARMLESS_TEXT)
def test_unusual_text_lands_in_well_formed_files(
    renderer: Renderer, tmp_path: Path, text: str
) -> None:
    project = tmp_path / "project"
    renderer.render({"project_name": text, "project_description": text}, project)
    for path in filter(Path.is_file, project.rglob("*")):
        source = path.read_text(encoding="utf-8")
        match path.suffix:
            case ".py":
                ast.parse(source)
            case ".toml":
                tomllib.loads(source)
            case ".json":
                json.loads(source)
            case ".yml" | ".yaml":
                list(yaml.safe_load_all(source))
            case ".sh":
                subprocess.run(["sh", "-n", str(path)], check=True)
    described = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert described["description"] == text
    assert [Requirement(line) for line in described["dependencies"]]
