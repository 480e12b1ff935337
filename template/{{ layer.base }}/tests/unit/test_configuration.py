"""The environment becomes settings, or a list of what is wrong with it."""

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from pydantic_settings import SettingsConfigDict

from app.platform.configuration import (
    CommaSeparated,
    ConfigurationError,
    SettingsGroup,
    is_guessable,
)
from app.platform.logging import LogSettings


class SampleSettings(SettingsGroup):
    sample_secret: str = ""
    sample_size: int = 1
    sample_names: CommaSeparated = ()

    def production_faults(self) -> Iterator[str]:
        if not self.sample_secret:
            yield "SAMPLE_SECRET: is required in production"
        if self.sample_size < 2:
            yield "SAMPLE_SIZE: is too small"


class PrefixedSettings(SettingsGroup):
    model_config = SettingsConfigDict(env_prefix="prefixed_")

    size: int
    name: Literal["a", "b"] = "a"


def faults(group: type[SettingsGroup], *, production: bool = False) -> list[str]:
    with pytest.raises(ConfigurationError) as raised:
        group.load(production=production)
    return raised.value.faults


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No `.env` of the developer's gets in."""
    monkeypatch.chdir(tmp_path)


def test_a_value_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAMPLE_SIZE", "7")
    monkeypatch.setenv("SAMPLE_NAMES", "a, b,")
    settings = SampleSettings.load()
    assert settings.sample_size == 7
    assert settings.sample_names == ("a", "b")


def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAMPLE_SIZE", "")
    assert SampleSettings.load().sample_size == 1


def test_a_value_comes_from_dotenv_in_development(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("SAMPLE_SIZE=5\n")
    assert SampleSettings.load().sample_size == 5


def test_a_secret_comes_from_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = tmp_path / "secret"
    secret.write_text("from a file\n")
    monkeypatch.setenv("SAMPLE_SECRET_FILE", str(secret))
    assert SampleSettings.load().sample_secret == "from a file"


@pytest.mark.parametrize("environment", ["production", "test"])
def test_dotenv_is_for_development_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environment: str
) -> None:
    (tmp_path / ".env").write_text("SAMPLE_SIZE=5\nSAMPLE_SECRET_FILE=.env\n")
    monkeypatch.setenv("APP_ENV", environment)
    assert SampleSettings.load() == SampleSettings()


def test_dotenv_may_name_a_file_and_the_environment_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret").write_text("from a file")
    (tmp_path / ".env").write_text("SAMPLE_SECRET_FILE=secret\n")
    assert SampleSettings.load().sample_secret == "from a file"
    monkeypatch.setenv("SAMPLE_SECRET", "from the environment")
    assert SampleSettings.load().sample_secret == "from the environment"


def test_a_secret_file_that_cannot_be_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff")
    for path in ("/nowhere", str(binary)):
        monkeypatch.setenv("SAMPLE_SECRET_FILE", path)
        assert faults(SampleSettings)[0].startswith("SAMPLE_SECRET_FILE: cannot read the file: ")


def test_a_fault_names_the_variable_and_not_its_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAMPLE_SIZE", "hunter2")
    [fault] = faults(SampleSettings)
    assert fault.startswith("SAMPLE_SIZE: ")
    assert "hunter2" not in fault


def test_a_prefix_is_part_of_the_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert faults(PrefixedSettings) == ["PREFIXED_SIZE: is required"]
    (tmp_path / "size").write_text("7")
    monkeypatch.setenv("PREFIXED_SIZE_FILE", str(tmp_path / "size"))
    assert PrefixedSettings.load().size == 7
    monkeypatch.setenv("PREFIXED_NAME", "c")
    assert faults(PrefixedSettings) == ["PREFIXED_NAME: Input should be 'a' or 'b'"]


def test_production_names_what_is_weak_beside_what_is_wrong(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    named = [fault.partition(":")[0] for fault in faults(SampleSettings, production=True)]
    assert named == ["SAMPLE_SECRET", "SAMPLE_SIZE"]
    monkeypatch.setenv("SAMPLE_SIZE", "x")
    named = [fault.partition(":")[0] for fault in faults(SampleSettings, production=True)]
    assert named == ["SAMPLE_SIZE", "SAMPLE_SECRET"]
    monkeypatch.setenv("SAMPLE_SECRET_FILE", "/nowhere")
    assert len(faults(SampleSettings, production=True)) == 2


def test_the_level_of_the_log_may_be_written_as_usual(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOG_LEVEL", "WARNING")
    assert LogSettings.load().level == "warning"


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "k" * 32,
        "0123456789abcdef" * 2,
        "Change-Me-0123456789-abcdefghijk",
        "my-super-secret-key-for-cursors!",
        "0101010101001011010010101001010010100",
    ],
)
def test_what_others_can_guess_is_told_from_what_is_random(secret: str) -> None:
    assert is_guessable(secret)
    for random in (secrets.token_hex(16), secrets.token_urlsafe(24), secrets.token_hex(32)):
        assert not is_guessable(random)
