"""The examples of README.md work as they stand there."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dev.environment import PROJECT
from tests.support.probe import DOCUMENTED, address
from tests.support.service import Service

EXAMPLE = re.compile(r"^```(bash|python|javascript)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
EXAMPLES = EXAMPLE.findall((PROJECT / "README.md").read_text(encoding="utf-8"))
COMMANDS = {
    "bash": ("bash", "-euo", "pipefail"),
    "python": (sys.executable,),
    "javascript": ("node",),
}


def test_there_are_examples_for_a_shell_and_for_python() -> None:
    assert {"bash", "python"} <= {language for language, _ in EXAMPLES}


@pytest.mark.parametrize(("language", "source"), EXAMPLES, ids=[name for name, _ in EXAMPLES])
def test_the_example_makes_an_order(
    language: str, source: str, service: Service, tmp_path: Path
) -> None:
    command = COMMANDS[language]
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    assert DOCUMENTED in source
    script = tmp_path / "example.mjs"
    script.write_text(source.replace(DOCUMENTED, address(service)), encoding="utf-8")
    done = subprocess.run(
        [*command, script], env=service.environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "9.00" in done.stdout
