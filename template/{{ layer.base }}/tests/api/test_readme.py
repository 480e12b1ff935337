"""The examples of README.md work as they stand there."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dev.environment import PROJECT
from tests.support.service import Service

EXAMPLE = re.compile(r"^```(bash|python|javascript)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
EXAMPLES = EXAMPLE.findall((PROJECT / "README.md").read_text(encoding="utf-8"))
ADDRESS = "http://127.0.0.1:8000"
COMMANDS = {
    "bash": ("bash", "-euo", "pipefail"),
    "python": (sys.executable,),
    "javascript": ("node",),
}


@pytest.mark.parametrize("language", COMMANDS)
def test_the_example_makes_an_order(language: str, service: Service, tmp_path: Path) -> None:
    command = COMMANDS[language]
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    (source,) = (text for name, text in EXAMPLES if name == language)
    assert ADDRESS in source
    script = tmp_path / "example.mjs"
    script.write_text(source.replace(ADDRESS, service.url), encoding="utf-8")
    done = subprocess.run([*command, script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "9.00" in done.stdout
