"""How settings are read: environment variables, `.env` in development, and `*_FILE` secrets."""

import os
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)


class Environment(StrEnum):
    """Where the service runs; production refuses weak configuration."""

    DEVELOPMENT = "development"
    TEST = "test"
    PRODUCTION = "production"


class ConfigurationError(Exception):
    """The environment is not usable; `faults` has one line for each reason, without values."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


def _split(value: object) -> object:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


CommaSeparated = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]


class _SecretFiles(PydanticBaseSettingsSource):
    """`NAME_FILE=/run/secrets/name` stands for `NAME` with the content of the file."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        name = f"{self.config.get('env_prefix', '')}{field_name}_FILE".upper()
        path = os.environ.get(name)
        if path is None:
            return None, field_name, False
        try:
            return Path(path).read_text(encoding="utf-8").strip(), field_name, False
        except OSError as error:
            raise ConfigurationError([f"{name}: cannot read the file: {error.strerror}"]) from None

    def __call__(self) -> dict[str, Any]:
        found = {
            name: self.get_field_value(f, name)
            for name, f in self.settings_cls.model_fields.items()
        }
        return {name: value for name, (value, _, _) in found.items() if value is not None}


class SettingsGroup(BaseSettings):
    """The settings of one package; each subclass sets its `env_prefix`.

    An empty variable counts as unset.
    """

    model_config = SettingsConfigDict(
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, _SecretFiles(settings_cls), env_settings, dotenv_settings

    @classmethod
    def load(cls) -> Self:
        """Read the group from the environment; raises `ConfigurationError` with every fault."""
        try:
            return cls()
        except ValidationError as error:
            prefix = cls.model_config.get("env_prefix", "")
            raise ConfigurationError(
                [
                    f"{prefix}{'.'.join(map(str, e['loc']))}".upper() + f": {e['msg']}"
                    for e in error.errors()
                ]
            ) from None

    def production_faults(self) -> Iterator[str]:
        """One line for each setting that is too weak for production; names, never values."""
        yield from ()
