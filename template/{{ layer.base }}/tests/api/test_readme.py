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
SHELL = ("bash", "-euo", "pipefail")
# The others come in the same terminal, after the first example, which is one of the shell.
LATER = (*SHELL, "-c", 'source "$0" >/dev/null; exec "$@"')
INTERPRETERS = {"python": sys.executable, "javascript": "node"}


def test_there_are_examples_for_a_shell_and_for_python() -> None:
    assert {"bash", "python"} <= {language for language, _ in EXAMPLES}


@pytest.mark.parametrize(("language", "source"), EXAMPLES, ids=[name for name, _ in EXAMPLES])
def test_the_example_makes_an_order(
    language: str, source: str, service: Service, tmp_path: Path
) -> None:
    shell, script = tmp_path / "example.sh", tmp_path / "example.mjs"
    for file, text in ((shell, EXAMPLES[0][1]), (script, source)):
        assert DOCUMENTED in text
        file.write_text(text.replace(DOCUMENTED, address(service)), encoding="utf-8")
    command: list[str | Path] = [*SHELL, shell]
    if language != "bash":
        interpreter = INTERPRETERS[language]
        if shutil.which(interpreter) is None:
            pytest.skip(f"{interpreter} is not installed")
        command = [*LATER, shell, interpreter, script]
    done = subprocess.run(
        command, env=service.environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "9.00" in done.stdout
