"""How settings are read: environment variables, `.env` in development, and `*_FILE` secrets."""

import os
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, ValidationError
from pydantic_settings import (
    BaseSettings,
    NoDecode,
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


class SettingsGroup(BaseSettings):
    """The settings of one package, named as its fields are.

    An empty variable counts as unset; `NAME_FILE=/run/secrets/name` stands for `NAME` with the
    content of the file.
    """

    model_config = SettingsConfigDict(
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    @classmethod
    def load(cls) -> Self:
        """Read the group from the environment; raises `ConfigurationError` with every fault."""
        try:
            return cls(**cls._secret_files())
        except ValidationError as error:
            faults = [
                f"{fault['loc'][0]}".upper() + f": {fault['msg']}" for fault in error.errors()
            ]
            raise ConfigurationError(faults) from None

    @classmethod
    def _secret_files(cls) -> dict[str, Any]:
        secrets = {}
        for field in cls.model_fields:
            variable = f"{field}_FILE".upper()
            if path := os.environ.get(variable):
                try:
                    secrets[field] = Path(path).read_text(encoding="utf-8").strip()
                except OSError as error:
                    fault = f"{variable}: cannot read the file: {error.strerror}"
                    raise ConfigurationError([fault]) from None
        return secrets

    def production_faults(self) -> Iterator[str]:
        """One line for each setting that is too weak for production; names, never values."""
        yield from ()
