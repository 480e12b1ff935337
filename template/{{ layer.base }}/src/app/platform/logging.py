"""Structured logs: one line per event to stdout, with the request they belong to."""

from typing import Literal

from pydantic_settings import SettingsConfigDict

from app.platform.configuration import Environment, SettingsGroup


class LogSettings(SettingsGroup):
    """`LOG_*`; `format` is json, but in development pretty, unless set."""

    model_config = SettingsConfigDict(env_prefix="log_")

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["json", "pretty"] | None = None


def configure_logging(settings: LogSettings, environment: Environment) -> None:
    """Send the events of structlog and of the standard library to stdout."""
    raise NotImplementedError
