"""The environment becomes settings, or a list of what is wrong with it."""

from pathlib import Path

import pytest

from app.platform.configuration import CommaSeparated, ConfigurationError, SettingsGroup


class SampleSettings(SettingsGroup):
    sample_secret: str = ""
    sample_size: int = 1
    sample_names: CommaSeparated = ()


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


def test_a_secret_file_that_cannot_be_read_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAMPLE_SECRET_FILE", "/nowhere")
    with pytest.raises(ConfigurationError, match=r"^SAMPLE_SECRET_FILE: cannot read the file"):
        SampleSettings.load()


def test_a_fault_names_the_variable_and_not_its_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAMPLE_SIZE", "hunter2")
    with pytest.raises(ConfigurationError) as raised:
        SampleSettings.load()
    assert len(raised.value.faults) == 1
    assert raised.value.faults[0].startswith("SAMPLE_SIZE: ")
    assert "hunter2" not in str(raised.value)
