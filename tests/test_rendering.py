"""What every valid combination renders to, read as text."""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from extensions.catalogue import AXES, combinations
from extensions.layers import active_layers, requirements
from tests.conftest import Rendered
from tests.support.rendering import Renderer
from tests.support.snapshot import ROOT

# `{{ name` with a name that only the template knows, or any statement or comment of Jinja.
_QUESTIONS = re.findall(r"^(\w+):", (ROOT / "copier.yml").read_text(), re.MULTILINE)
_NAMES = "|".join([*_QUESTIONS, "layer", "requirements", "dev_requirements", "chosen", "_copier"])
_EXTERNAL_SECRET = "deploy/components/external-secret/external-secret.yaml"
RESIDUE = re.compile(rf"\{{\{{-?\s*({_NAMES})\w*\b|\{{%-?\s*(if|for|set|raw|end)|\{{#-?\s")


def test_nothing_of_the_template_is_left(rendered: Rendered) -> None:
    for name, path in rendered.files():
        text = path.read_text(encoding="utf-8")
        assert not RESIDUE.search(text), name
        if not name.startswith(".github/workflows/"):
            assert "${{" not in text, name
        assert not name.endswith((".jinja", ".pyc", ".rej", ".orig")), name
        assert "{" not in name, name


def test_files_are_tidy(rendered: Rendered) -> None:
    for name, path in rendered.files():
        text = path.read_text(encoding="utf-8")
        assert text.strip() or name.endswith("__init__.py"), f"{name} is empty"
        assert not text or text.endswith("\n"), f"{name} does not end with a line break"
        assert not text.endswith("\n\n"), f"{name} ends with empty lines"
        assert "\r" not in text, name
        for number, line in enumerate(text.splitlines(), 1):
            assert line == line.rstrip(), f"{name}:{number} ends with space"
        if not name.endswith((".py", ".py.mako")):
            prose = re.sub(r"^```python\n.*?^```$", "```", text, flags=re.MULTILINE | re.DOTALL)
            assert "\n\n\n" not in prose, f"{name} has a gap of empty lines"


def test_files_are_well_formed(rendered: Rendered) -> None:
    for name, path in rendered.files():
        text = path.read_text(encoding="utf-8")
        match path.suffix:
            case ".py":
                ast.parse(text, name, feature_version=(3, 11))
            case ".toml":
                tomllib.loads(text)
            case ".json":
                json.loads(text)
            case ".yml" | ".yaml":
                list(yaml.safe_load_all(text))
            case ".sh":
                subprocess.run(["sh", "-n", str(path)], check=True)
        if text.startswith("#!"):
            assert path.stat().st_mode & 0o111, f"{name} is a script and not executable"


def test_answers_are_recorded_and_hold_no_secret(rendered: Rendered) -> None:
    recorded = yaml.safe_load((rendered.path / ".copier-answers.yml").read_text())
    assert recorded.items() >= rendered.answers.items()
    assert recorded["_commit"] == "v1000.0.0"
    assert not (rendered.path / ".env").exists()
    assert not (rendered.path / "uv.lock").exists()


def test_requirements_are_those_of_the_active_layers(rendered: Rendered) -> None:
    described = tomllib.loads((rendered.path / "pyproject.toml").read_text())
    active = active_layers(rendered.answers)
    assert sorted(described["project"]["dependencies"], key=str.lower) == requirements(active)
    assert sorted(described["dependency-groups"]["dev"], key=str.lower) == requirements(
        active, "_dev"
    )


def test_a_choice_not_taken_leaves_no_code_behind(rendered: Rendered) -> None:
    """The headers of credentials stand where they were chosen, and nowhere else."""
    source = "\n".join(
        path.read_text() for name, path in rendered.files() if name.startswith("src/")
    )
    for name, choice in {"CSRF": "session", "X-API-Key": "api_key"}.items():
        assert (name in source) == (rendered.answers["auth"] == choice), name


def test_a_server_that_was_chosen_is_known_wherever_it_has_to_be(rendered: Rendered) -> None:
    def read(name: str) -> str:
        return (rendered.path / name).read_text(encoding="utf-8")

    choices = [AXES[axis].choice(name) for axis, name in rendered.answers.items()]
    urls = {variable for choice in choices if choice.service for variable in choice.variables}
    compose = yaml.safe_load(read("compose.yaml"))
    files = [name for name in compose["include"] if name.startswith("deploy/development/")]
    services = {choice.service for choice in choices if choice.service}
    add = "add it to `servers` in includes/deployment.jinja"
    assert len(files) == len(services), f"compose.yaml: {add}"
    assert [name for name in files if not (rendered.path / name).exists()] == []
    containers = compose["x-service"]["environment"]
    add = "add it to `development_urls` in includes/deployment.jinja"
    assert urls - containers.keys() == set(), f"compose.yaml: {add}"
    workflow = yaml.safe_load(read(".github/workflows/ci.yaml"))
    assert urls - workflow["jobs"]["test"]["env"].keys() == set(), f"ci.yaml: {add}"

    add = "add it to `described_secrets` in includes/deployment.jinja"
    if rendered.answers["hosting"] == "kubernetes":
        stored = next(yaml.safe_load_all(read(_EXTERNAL_SECRET)))["spec"]["data"]
        secrets = {entry["secretKey"] for entry in stored}
        table = set(re.findall(r"^   \| `(\w+)` \|", read("docs/deployment.md"), re.MULTILINE))
        assert table == secrets, "docs/deployment.md"
    else:
        service = yaml.safe_load(read("deploy/compose.yaml"))["x-service"]
        secrets = set(service["secrets"])
        made = set(re.findall(r"^secret (\w+) ", read("deploy/setup"), re.MULTILINE))
        files = [rendered.path / "deploy/compose.yaml"]
        files += (rendered.path / "deploy/production").glob("*.yaml")
        mounted = {name for file in files for name in yaml.safe_load(file.read_text())["secrets"]}
        assert mounted - made == set(), "deploy/setup: make it in `fragments/setup` of the layer"
    assert urls - secrets == set(), f"deploy/: {add}"
    required = set(re.findall(r"^\| `(\w+)` \|", read("docs/configuration.md"), re.MULTILINE))
    missing = (urls | secrets) - required
    assert missing == set(), "docs/configuration.md: `fragments/configuration.md` of the layer"


def test_renders_what_a_plain_process_renders(
    renderer: Renderer, template: Path, tmp_path: Path
) -> None:
    *_, answers = combinations()
    renderer.render(answers, tmp_path / "quick")
    renderer.render(answers, tmp_path / "again")
    copier = Path(sys.executable).with_name("copier")
    data = [part for pair in answers.items() for part in ("--data", "=".join(pair))]
    subprocess.run(
        [copier, "copy", "--trust", "--defaults", "--quiet", *data, template, tmp_path / "plain"],
        check=True,
    )
    for other in ("again", "plain"):
        difference = subprocess.run(
            [str(shutil.which("diff")), "-r", tmp_path / "quick", tmp_path / other],
            capture_output=True,
            text=True,
            check=False,
        )
        assert difference.stdout == ""


@pytest.mark.parametrize("license_name", ["MIT", "Apache-2.0", "proprietary"])
def test_the_licence_is_the_one_picked(
    renderer: Renderer, tmp_path: Path, license_name: str
) -> None:
    renderer.render({"license": license_name, "owner": "example-org"}, tmp_path / "project")
    text = (tmp_path / "project" / "LICENSE").read_text()
    assert "example-org" in text
    title = {"MIT": "MIT License", "Apache-2.0": "Apache License"}.get(license_name, "All rights")
    assert title in text
