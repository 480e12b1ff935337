"""A Docker engine: the one that runs, or one of Debian's packages with images made here.

Where no registry can be reached, Debian itself stands in for the base images, under their names.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.snapshot import ROOT

_CACHE = ROOT / ".cache" / "image"
_PACKAGES = ("docker.io", "mmdebstrap", "runc")
# Debian's Python of each release, for which a stand-in can be made.
_PYTHONS = {"bookworm": "3.11", "trixie": "3.13"}
_UV_IMAGE = "ghcr.io/astral-sh/uv"


class EngineError(Exception):
    """There is no engine; the message says what would help."""


@dataclass(frozen=True)
class Engine:
    """`python_version` is what the base image has; empty where every version can be pulled."""

    program: str
    host: str
    python_version: str

    def run(self, *arguments: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run the Docker client; raises `CalledProcessError`."""
        environment = {**os.environ, "DOCKER_BUILDKIT": "1"}
        if self.host:
            environment["DOCKER_HOST"] = self.host
        done = subprocess.run(
            [self.program, *arguments], env=environment, capture_output=True, text=True, check=False
        )
        if check and done.returncode:
            print(done.stdout, done.stderr)
            done.check_returncode()
        return done


@contextmanager
def engine(uv_version: str) -> Iterator[Engine]:
    """The engine, with the base images; `uv_version` is the tag of uv's image."""
    docker = shutil.which("docker")
    if docker and subprocess.run([docker, "info"], capture_output=True).returncode == 0:
        yield Engine(docker, "", "")
        return
    release = platform.freedesktop_os_release().get("VERSION_CODENAME", "")
    if release not in _PYTHONS or os.geteuid() != 0:
        raise EngineError("no Docker engine runs: start one, or run this as root on Debian")
    _install()
    with tempfile.TemporaryDirectory(prefix="engine-") as folder, _daemon(Path(folder)) as host:
        # Debian's client: a newer one does not speak to Debian's engine when it builds.
        found = Engine("/usr/bin/docker", host, _PYTHONS[release])
        _make_bases(found, release, uv_version)
        yield found


def _install() -> None:
    if all(shutil.which(name) for name in ("dockerd", "mmdebstrap", "runc")):
        return
    print(f"Installing {', '.join(_PACKAGES)}", flush=True)
    subprocess.run(["apt-get", "update", "--quiet=2"], check=True)
    subprocess.run(
        ["apt-get", "install", "--yes", "--quiet=2", "--no-install-recommends", *_PACKAGES],
        check=True,
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        stdout=subprocess.DEVNULL,
    )


@contextmanager
def _daemon(folder: Path) -> Iterator[str]:
    """An engine of its own beside any other: no bridge, no firewall rules, nothing kept."""
    host = f"unix://{folder}/docker.sock"
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [
                "dockerd",
                *("--bridge", "none", "--iptables=false", "--ip6tables=false"),
                *("--data-root", folder / "data", "--exec-root", folder / "run"),
                *("--pidfile", folder / "pid", "--host", host),
            ],
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            limit = time.monotonic() + 30
            while subprocess.run(
                ["/usr/bin/docker", "--host", host, "info"], capture_output=True
            ).returncode:
                if process.poll() is not None or time.monotonic() > limit:
                    raise EngineError(f"dockerd does not start:\n{(folder / 'log').read_text()}")
                time.sleep(0.2)
            yield host
        finally:
            process.terminate()
            process.wait(60)
            # Left mounted by the engine; the folder could not be removed.
            subprocess.run(["umount", folder / "run" / "netns" / "default"], capture_output=True)


def _make_bases(found: Engine, release: str, uv_version: str) -> None:
    certificates = "/etc/ssl/certs/ca-certificates.crt"
    archive = _CACHE / f"{release}.tar"
    if not archive.exists():
        print(f"Making a base image of Debian {release}", flush=True)
        _CACHE.mkdir(parents=True, exist_ok=True)
        link = 'ln -s /usr/bin/python3 "$1/usr/local/bin/python"'
        subprocess.run(
            [
                *("mmdebstrap", "--quiet", "--variant=minbase"),
                "--include=python3,python3-venv,ca-certificates",
                # The machine's own certificates, for package indexes that only it knows.
                f'--customize-hook={link}; cp {certificates} "$1{certificates}"',
                *(release, archive.with_suffix(".part.tar")),
            ],
            check=True,
        )
        archive.with_suffix(".part.tar").rename(archive)
    found.run(
        "import",
        *("--change", "ENV PATH=/usr/local/bin:/usr/bin:/bin"),
        *("--change", f"ENV SSL_CERT_FILE={certificates}"),
        *(archive, f"python:{found.python_version}-slim-trixie"),
    )
    with tempfile.TemporaryDirectory() as folder:
        uv = shutil.which("uv")
        assert uv is not None
        program = subprocess.run(
            [uv, "run", "--no-project", "--with", f"uv=={uv_version}", "which", "uv"],
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()
        shutil.copy(program, Path(folder, "uv"))
        packed = Path(folder, "uv.tar")
        subprocess.run(["tar", "--create", "--file", packed, "-C", folder, "uv"], check=True)
        found.run("import", packed, f"{_UV_IMAGE}:{uv_version}")
