"""`python -m dev.check_migrations`: refuse migrations that would lock a table in use for long.

A table that the same revision makes is used by nobody. A change of another one has to say that it
locks nothing, to which the server keeps, or else refuses: `ALGORITHM=INSTANT`, or `LOCK=NONE`.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from dev.environment import PROJECT, SCRIPTS

REVISION = re.compile(r"^-- Running upgrade .*$", re.MULTILINE)
MADE = re.compile(r"^CREATE TABLE (?:IF NOT EXISTS )?`?(\w+)", re.MULTILINE)
CHANGE = re.compile(
    r"^(?:ALTER TABLE|CREATE (?:UNIQUE |FULLTEXT )?INDEX \S+ ON|DROP INDEX \S+ ON|RENAME TABLE"
    r"|OPTIMIZE TABLE|TRUNCATE TABLE|TRUNCATE) `?(\w+)[^;]*",
    re.MULTILINE | re.IGNORECASE,
)
LOCKS_NOTHING = re.compile(r"\b(ALGORITHM\s*=\s*INSTANT|LOCK\s*=\s*NONE)\b", re.IGNORECASE)
# The release before reads by the old name, and writes nothing into a new column.
BREAKS = {
    "renames what is read": re.compile(r"\b(RENAME (COLUMN|TO|TABLE)|CHANGE)\b", re.IGNORECASE),
    "adds a column that has to be written": re.compile(
        r"\bADD (COLUMN )?(?!CONSTRAINT\b)`?\w+`? (?![^,]*\bDEFAULT\b)[^,]*\bNOT NULL\b",
        re.IGNORECASE,
    ),
}


def faults(sql: str) -> Iterator[str]:
    """What the statements of each revision do to tables in use."""
    for revision in REVISION.split(sql):
        made = set(MADE.findall(revision))
        for change in CHANGE.finditer(revision):
            statement = " ".join(change[0].split())
            if change[1] in made:
                continue
            if not LOCKS_NOTHING.search(statement):
                yield f"may lock the table, add ALGORITHM=INSTANT or LOCK=NONE: {statement}"
            for fault, pattern in BREAKS.items():
                if pattern.search(statement):
                    yield f"{fault}, which the release before this one cannot bear: {statement}"


def all_migrations() -> str:
    """The SQL of every migration, without a database."""
    command: list[str | Path] = [SCRIPTS / "app", "migrate", "upgrade", "--sql"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    return done.stdout


if __name__ == "__main__":
    found = list(faults(all_migrations()))
    sys.exit("\n".join(found) or None)
