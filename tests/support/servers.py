"""Servers that the suites of projects need and that no wheel brings: had, where they are missing.

A suite runs against the server that its provider finds. Here is said, by the provider, where that
server comes from on a machine that has none: the environment that lets the provider find it.
"""

from __future__ import annotations

import os
import shutil
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
    if not wrapper.exists() or wrapper.read_text(encoding="utf-8") != text:
        wrapper.write_text(text, encoding="utf-8")
        wrapper.chmod(0o755)


_SERVERS: dict[str, Callable[[], dict[str, str]]] = {"mysql.py": _mysql}
