"""`.env.example` is the documentation of the settings, so it must not be wrong."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from app.platform.configuration import SettingsGroup
from app.settings import Settings
from dev.environment import PROJECT

LINE = re.compile(r"^# ([A-Z][A-Z0-9_]+)=(.*)$", re.MULTILINE)
URL = re.compile(r"^# (\w+://[^\s,]+?)[.,]? .*\n# ([A-Z_]+)=", re.MULTILINE)
TEXT = (PROJECT / ".env.example").read_text(encoding="utf-8")
DOCUMENTED = dict(LINE.findall(TEXT))
EXAMPLES = {name: url for url, name in URL.findall(TEXT)}
GROUPS = [field.type for field in fields(Settings) if isinstance(field.type, type)]


def variables(group: type[SettingsGroup]) -> dict[str, str]:
    prefix = group.model_config.get("env_prefix", "")
    return {f"{prefix}{name}".upper(): name for name in group.model_fields}


def test_every_setting_is_documented_and_nothing_else() -> None:
    settings = {name for group in GROUPS for name in variables(group)}
    assert set(DOCUMENTED) == settings


@pytest.mark.parametrize("group", GROUPS)
def test_the_documented_values_are_the_defaults(
    group: type[SettingsGroup], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    names = variables(group)
    for name in names:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(f"{name}_FILE", raising=False)
    for name, field_name in names.items():
        if group.model_fields[field_name].is_required():
            assert not DOCUMENTED[name]
            monkeypatch.setenv(name, EXAMPLES[name])
    defaults = group.load()
    for name, field_name in names.items():
        default = getattr(defaults, field_name)
        if DOCUMENTED[name]:
            monkeypatch.setenv(name, DOCUMENTED[name])
        elif not group.model_fields[field_name].is_required():
            assert not default or not getattr(default, "get_secret_value", str)()
    assert group.load() == defaults
