"""What Schemathesis has to be told about sessions."""

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def hooks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCHEMATHESIS_HOOKS", str(Path(__file__).with_name("hooks.py")))
