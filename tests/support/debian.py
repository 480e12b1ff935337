"""Programs of Debian packages, unpacked and not installed."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.snapshot import ROOT

_CACHE = ROOT / ".cache" / "debian"


class MissingPackageError(Exception):
    """A package cannot be had on this machine; the message is one line."""


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """While nobody else writes to the folder."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def unpacked(*packages: str) -> Path:
    """A folder that has the files of the packages, with the libraries that this machine lacks.

    Raises `MissingPackageError` where there is no Debian to have them from.
    """
    folder = _CACHE / packages[0]
    with alone(folder):
        if not folder.exists():
            if not shutil.which("apt-get"):
                raise MissingPackageError(f"{packages[0]} is missing: install it")
            partial = folder.with_suffix(".partial")
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir()
            try:
                _unpack(partial, packages)
            except (OSError, subprocess.CalledProcessError) as error:
                told = str(getattr(error, "stderr", None) or error).strip().splitlines()
                message = f"{packages[0]} cannot be had from Debian: {told[-1]}"
                raise MissingPackageError(message) from error
            partial.rename(folder)
    return folder


def _unpack(folder: Path, packages: tuple[str, ...]) -> None:
    if os.geteuid() == 0:
        # A fresh container knows no packages yet.
        _output("apt-get", "update", "--quiet=2")
    wanted = [*packages, *_missing_libraries(packages)]
    _output("apt-get", "download", "--quiet=2", *wanted, cwd=folder)
    for package in folder.glob("*.deb"):
        _output("dpkg-deb", "--extract", package, folder)
        package.unlink()


def _missing_libraries(packages: Iterable[str]) -> set[str]:
    depends = _output("apt-cache", "depends", "--important", *packages)
    names = {line.split()[-1] for line in depends.splitlines() if "Depends: lib" in line}
    query = ("dpkg-query", "--show", "--showformat=${db:Status-Status} ${Package}\n", *names)
    known = subprocess.run(query, capture_output=True, text=True, check=False).stdout
    return names - {line.split()[1] for line in known.splitlines() if line.startswith("installed")}


def _output(*command: str | Path, cwd: Path | None = None) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=True)
    return done.stdout
