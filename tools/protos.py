"""`python -m tools.protos`: write the Python code of the template's proto files anew.

The generators are pinned in `pyproject.toml`: run this when they are bumped, or when a file in
`proto/` of a layer has changed. A rendered project tells of both by `make check`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path

from extensions.catalogue import combinations
from extensions.layers import active_layers
from tests.support.rendering import Renderer
from tests.support.snapshot import ROOT, snapshot

LAYERS = sorted((ROOT / "template").glob("*/proto"))
CODE = Path("src", "app", "proto")


def main() -> None:
    with (
        tempfile.TemporaryDirectory(prefix="protos-") as temporary,
        Renderer(snapshot(Path(temporary, "template"))) as renderer,
    ):
        for number, (layers, answers) in enumerate(_contracts().items()):
            project = Path(temporary, f"project-{number}")
            renderer.render(answers, project)
            _generate(project)
            for made in sorted((project / CODE).iterdir()):
                if made.is_dir() and made.name != "__pycache__":
                    place = _owner(made.name, layers) / CODE / made.name
                    shutil.rmtree(place, ignore_errors=True)
                    shutil.copytree(made, place, ignore=shutil.ignore_patterns("__pycache__"))


def _contracts() -> dict[tuple[Path, ...], dict[str, str]]:
    """A combination for each set of layers that bring proto files together."""
    found = {}
    for answers in combinations():
        if answers["protocol"] == "grpc":
            active = {f"{{{{ layer.{name} }}}}" for name in active_layers(answers)}
            layers = (proto.parent for proto in LAYERS)
            found[tuple(layer for layer in layers if layer.name in active)] = answers
    return found


def _generate(project: Path) -> None:
    environment = {k: v for k, v in os.environ.items() if k != "VIRTUAL_ENV"}
    for command in (("uv", "sync", "--quiet"), ("uv", "run", "python", "-m", "dev.proto")):
        subprocess.run(command, cwd=project, env=environment, check=True)


def _owner(package: str, layers: Iterable[Path]) -> Path:
    """The layer of a package; what is of nobody here is imported, and belongs to the protocol."""
    owners = [layer for layer in layers if (layer / "proto" / package).is_dir()]
    return owners[0] if owners else ROOT / "template" / "{{ layer.protocol_grpc }}"


if __name__ == "__main__":
    main()
