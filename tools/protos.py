"""`python -m tools.protos`: write the Python code of the template's proto files anew.

The generators are pinned in `pyproject.toml`: run this when they are bumped, or when a file in
`proto/` of a layer has changed. A rendered project tells of both by `make check`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from extensions.catalogue import combinations
from tests.support.rendering import Renderer
from tests.support.snapshot import ROOT, snapshot

LAYERS = sorted((ROOT / "template").glob("*/proto"))
CODE = Path("src", "app", "proto")


def main() -> None:
    answers = next(it for it in combinations() if it["protocol"] == "grpc")
    with tempfile.TemporaryDirectory(prefix="protos-") as temporary:
        project = Path(temporary, "project")
        with Renderer(snapshot(Path(temporary, "template"))) as renderer:
            renderer.render(answers, project)
        environment = {k: v for k, v in os.environ.items() if k != "VIRTUAL_ENV"}
        for command in (("uv", "sync", "--quiet"), ("uv", "run", "python", "-m", "dev.proto")):
            subprocess.run(command, cwd=project, env=environment, check=True)
        for made in sorted((project / CODE).iterdir()):
            if made.is_dir() and made.name != "__pycache__":
                place = _owner(made.name) / CODE / made.name
                shutil.rmtree(place, ignore_errors=True)
                shutil.copytree(made, place, ignore=shutil.ignore_patterns("__pycache__"))


def _owner(package: str) -> Path:
    """The layer of a package; what is of nobody here is imported, and belongs to the protocol."""
    owners = [proto.parent for proto in LAYERS if (proto / package).is_dir()]
    return owners[0] if owners else ROOT / "template" / "{{ layer.protocol_grpc }}"


if __name__ == "__main__":
    main()
