"""Where the programs come from that check deployment files."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.matrix.checks import FaultError
from tests.support.snapshot import ROOT

_CACHE = ROOT / ".cache" / "deployment-checkers"


def checker(name: str) -> Path:
    """A program of the locked set beside this file, which is installed when first used."""
    with _alone("python"):
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
    with _alone("prometheus") as folder:
        program = folder / "usr" / "bin" / "promtool"
        if not program.exists():
            if not shutil.which("apt-get"):
                raise FaultError("promtool is missing: install Prometheus")
            folder.mkdir(parents=True, exist_ok=True)
            if os.geteuid() == 0:
                # A fresh container knows no packages yet.
                subprocess.run(["apt-get", "update", "--quiet=2"], check=True)
            subprocess.run(["apt-get", "download", "prometheus"], cwd=folder, check=True)
            for package in folder.glob("*.deb"):
                subprocess.run(["dpkg-deb", "--extract", package, folder], check=True)
    return program


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


@contextmanager
def _alone(name: str) -> Iterator[Path]:
    """The folder of a set of programs, while nobody else installs into it."""
    _CACHE.mkdir(parents=True, exist_ok=True)
    with (_CACHE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield _CACHE / name
