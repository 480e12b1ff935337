"""How settings are read: environment variables, `.env` in development, and `*_FILE` secrets."""

import os
import re
from collections.abc import Container, Iterable, Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    EnvSettingsSource,
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


# What people write where a secret belongs, until they have one.
_PLACEHOLDER = re.compile("change|default|example|insecure|password|secret", re.IGNORECASE)
_FEWEST_CHARACTERS = 10


def is_guessable(secret: str) -> bool:
    """Whether a secret repeats itself, has few different characters, or reads like a placeholder.

    Random ones do not, be it in hexadecimal or in base64; their length is not asked here.
    """
    repeats = secret in (secret + secret)[1:-1]
    few = len(set(secret)) < _FEWEST_CHARACTERS
    return repeats or few or _PLACEHOLDER.search(secret) is not None


class SettingsGroup(BaseSettings):
    """The settings of one package, named as its fields are.

    An empty variable counts as unset; `NAME_FILE=/run/secrets/name` stands for `NAME` with the
    content of the file. `.env` is read in development only, and the environment wins over it.
    """

    model_config = SettingsConfigDict(
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    @classmethod
    def load(cls, *, production: bool = False) -> Self:
        """Read the group from the environment; raises `ConfigurationError` with every fault.

        In `production`, what is too weak for it is a fault too.
        """
        secrets, faults = cls._secret_files()
        try:
            settings: Self | None = cls(**secrets)
        except ValidationError as error:
            for fault in error.errors():
                name = cls._variable(str(fault["loc"][0]))
                faults.setdefault(name, f"{name}: {_issue(fault)}")
            settings = cls._with_defaults(faults, secrets)
        lines = [*faults.values()]
        if production and settings is not None:
            weak = settings.production_faults()
            lines += [line for line in weak if line.partition(":")[0] not in faults]
        if lines or settings is None:
            raise ConfigurationError(lines)
        return settings

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        sources = (init_settings, env_settings)
        return (*sources, dotenv_settings) if _in_development() else sources

    @classmethod
    def _secret_files(cls) -> tuple[dict[str, Any], dict[str, str]]:
        """The fields that `*_FILE` sets, and a line for each variable whose file is unreadable."""
        sources = [EnvSettingsSource(cls).env_vars]
        if _in_development():
            sources.append(DotEnvSettingsSource(cls, cls.model_config["env_file"]).env_vars)
        secrets, faults = {}, {}
        for field in cls.model_fields:
            variable = cls._variable(field)
            if path := _file_of(variable.lower(), sources):
                try:
                    secrets[field] = Path(path).read_text(encoding="utf-8").strip()
                except (OSError, UnicodeDecodeError) as error:
                    reason = error.strerror if isinstance(error, OSError) else "it is not text"
                    faults[variable] = f"{variable}_FILE: cannot read the file: {reason}"
        return secrets, faults

    @classmethod
    def _with_defaults(cls, wrong: Container[str], secrets: dict[str, Any]) -> Self | None:
        """The group with defaults for what is wrong, to judge the rest; None where one has none."""
        defaults = {
            name: field.get_default(call_default_factory=True, validated_data={})
            for name, field in cls.model_fields.items()
            if cls._variable(name) in wrong and not field.is_required()
        }
        try:
            return cls(**secrets | defaults)
        except ValidationError:
            return None

    @classmethod
    def _variable(cls, field: str) -> str:
        return f"{cls.model_config.get('env_prefix', '')}{field}".upper()

    def production_faults(self) -> Iterator[str]:
        """One line for each setting that is too weak for production; names, never values."""
        yield from ()


def _in_development() -> bool:
    return os.environ.get("APP_ENV") in (None, "", Environment.DEVELOPMENT)


def _file_of(variable: str, sources: Iterable[Mapping[str, str | None]]) -> str | None:
    """The file that stands for a variable, unless a source before it has the variable itself."""
    for source in sources:
        if path := source.get(f"{variable}_file"):
            return path
        if source.get(variable):
            break
    return None


def _issue(fault: ErrorDetails) -> str:
    if fault["type"] == "missing":
        return "is required"
    return fault["msg"].removeprefix("Value error, ")
