"""The committed API contract, and what the code makes of it."""

import os
import subprocess

from dev import api
from dev.environment import PROJECT, SCRIPTS
from dev.processes import DevelopmentError

CONTRACT = PROJECT / api.CONTRACT
ACCEPTED = PROJECT / "docs" / "accepted-breaks.txt"


def rewrite() -> None:
    """Write the contract that the code has now."""
    CONTRACT.write_text(_export(), encoding="utf-8")
    print(f"Wrote {api.CONTRACT}: commit it.")


def check() -> None:
    """Compare the committed contract with the code and with the latest release.

    Raises `DevelopmentError` for a difference from the code, and for a break of the release that
    `docs/accepted-breaks.txt` does not list.
    """
    if not CONTRACT.exists() and "CI" not in os.environ:
        rewrite()
        return
    current = _export()
    if not CONTRACT.exists() or CONTRACT.read_text(encoding="utf-8") != current:
        raise DevelopmentError(f"{api.CONTRACT} is not what the code serves: run `make contract`")
    released = _released()
    breaks = api.breaks(released, current) if released else []
    accepted = ACCEPTED.read_text(encoding="utf-8").splitlines() if ACCEPTED.exists() else []
    unexpected = [line for line in breaks if line not in accepted]
    if unexpected:
        listed = "\n  ".join(unexpected)
        raise DevelopmentError(
            f"Clients of the latest release would break:\n  {listed}\n"
            f"Make a new version, or list deliberate breaks in {ACCEPTED.relative_to(PROJECT)}"
        )
    print(f"{api.CONTRACT} is what the code serves.")


def _export() -> str:
    command = [str(SCRIPTS / "app"), *api.EXPORT]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise DevelopmentError(f"`app {' '.join(api.EXPORT)}` fails:\n{done.stderr}")
    return done.stdout


def _released() -> str | None:
    """The contract as of the latest tag, None before the first."""
    tag = _git("describe", "--tags", "--abbrev=0")
    return _git("show", f"{tag.strip()}:./{api.CONTRACT}") if tag else None


def _git(*arguments: str) -> str | None:
    command = ["git", *arguments]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    return None if done.returncode else done.stdout
