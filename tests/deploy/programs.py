"""Where the programs come from that check deployment files."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from tests.matrix.checks import FaultError
from tests.support.debian import MissingPackageError, alone, unpacked
from tests.support.snapshot import ROOT

_CACHE = ROOT / ".cache" / "deployment-checkers"


def checker(name: str) -> Path:
    """A program of the locked set beside this file, which is installed when first used."""
    with alone(_CACHE / "python"):
        subprocess.run(
            ["uv", "sync", "--quiet", "--locked", "--project", Path(__file__).parent],
            check=True,
            env={**_environment(), "UV_PROJECT_ENVIRONMENT": str(_CACHE / "python")},
        )
    return _CACHE / "python" / "bin" / name


def promtool() -> Path:
    """Prometheus' checker: from the path, or from Debian's package, unpacked and not installed."""
    if found := shutil.which("promtool"):
        return Path(found)
    try:
        return unpacked("prometheus") / "usr" / "bin" / "promtool"
    except MissingPackageError as error:
        raise FaultError(f"promtool is missing: {error}") from error


def kubectl() -> Path | None:
    """kubectl, whose kustomize builds the manifests; nothing, where a developer has none.

    No package registry has one that is recent enough. CI has to have it.
    """
    if found := shutil.which("kubectl"):
        return Path(found)
    if "CI" in os.environ:
        raise FaultError("kubectl is missing")
    return None


def docker_compose() -> Path | None:
    """Docker with its Compose plug-in, where there is one; CI has to have it only on GitHub."""
    docker = shutil.which("docker")
    if (
        docker
        and not subprocess.run([docker, "compose", "version"], capture_output=True).returncode
    ):
        return Path(docker)
    if "GITHUB_ACTIONS" in os.environ:
        raise FaultError("docker compose is missing")
    return None


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
