"""Structured logs: one line per event to stdout, with the request they belong to.

Secrets and personal data are taken out by the name of a field and by the look of a value.
"""

import json
import logging
import re
import sys
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated, Any, Literal

import structlog
from pydantic import BeforeValidator
from pydantic_settings import SettingsConfigDict
from structlog.typing import EventDict, Processor, WrappedLogger

from app.platform.configuration import Environment, SettingsGroup
from app.platform.context import current_context
from app.platform.telemetry import current_trace_ids

REDACTED = "[redacted]"

_SENSITIVE_NAME = re.compile(
    r"passw|secret|authorization|cookie|credential|signature|private|api[_-]?key|(^|_)token(?!_id)"
    r"|e?mail$|phone|(^|_)dsn$",
    re.IGNORECASE,
)
_SENSITIVE_TEXT = re.compile(
    r"""(?P<scheme>\b(?:Bearer|Basic)\s+)[\w.~+/=-]+      # credentials of a header
    | \beyJ[\w-]{5,}\.[\w-]+(?:\.[\w-]*)*                 # a JWT
    | (?P<id>\b[a-z][a-z0-9]*_[0-9a-f]{32}_)\w{40,}       # an API key, whose id may be told
    | (?P<user>://[^\s/:@]*:)[^\s/@]+(?=@)                # a password in a URL
    | (?P<name>(?:password|secret|token|api_?key)["']?\s*[=:]\s*["']?)[^\s"'&,;)}]+
    | \b[\w.+-]+(?:@|%40)[\w-]+\.[\w.-]+                  # an e-mail address
    """,
    re.IGNORECASE | re.VERBOSE,
)
# Text without any of these cannot match the one above, and is told from it ten times as fast.
_SUSPICIOUS = re.compile(r"[\s:=@]|%40|eyj|_[0-9a-f]{32}_", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_MAX_TRACEBACK = 16_384


Level = Literal["debug", "info", "warning", "error"]


def _lower_case(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


class LogSettings(SettingsGroup):
    """`LOG_*`; `format` is pretty in development and json elsewhere, unless set."""

    model_config = SettingsConfigDict(env_prefix="log_")

    level: Annotated[Level, BeforeValidator(_lower_case)] = "info"
    format: Literal["json", "pretty"] | None = None


def configure_logging(settings: LogSettings, environment: Environment) -> None:
    """Send the events of structlog and of the standard library to stdout."""
    level = logging.getLevelNamesMapping()[settings.level.upper()]
    pretty = environment is Environment.DEVELOPMENT
    if settings.format is not None:
        pretty = settings.format == "pretty"
    structlog.configure(
        processors=[_complete, _pretty() if pretty else _to_json],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.BytesLoggerFactory(sys.stdout.buffer),
        cache_logger_on_first_use=True,
    )
    # Libraries tell much at info that is told better here; at debug all of it is wanted.
    logging.basicConfig(
        level=max(level, logging.WARNING) if level > logging.DEBUG else logging.INFO,
        handlers=[_ToStructlog()],
        force=True,
    )
    logging.captureWarnings(capture=True)


def configure_command_logging() -> None:
    """Leave the output to the command: an error is one line on stderr, and the rest is dropped."""
    structlog.configure(
        processors=[_one_line],
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def _one_line(_logger: WrappedLogger, _level: str, event: EventDict) -> str:
    error = sys.exception() if event.get("exc_info") else None
    reason = "" if error is None else f": {type(error).__name__}: {error}".partition("\n")[0]
    return f"error: {event['event']}{reason}"


class _ToStructlog(logging.Handler):
    """Hands the records of the standard library on."""

    def __init__(self) -> None:
        super().__init__()
        self._log = structlog.get_logger()

    def emit(self, record: logging.LogRecord) -> None:
        self._log.log(
            record.levelno, record.getMessage(), logger=record.name, exc_info=record.exc_info
        )


def _complete(_logger: WrappedLogger, level: str, event: EventDict) -> EventDict:
    """Put what every line has in front, and clean the rest."""
    line: dict[str, Any] = {
        "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "level": level,
        "event": _clean(event.pop("event", "")),
    }
    current = current_context()
    if current is not None:
        line["request_id"] = current.request_id
        line["trace_id"], line["span_id"] = current_trace_ids()
        line["principal"] = current.principal.subject if current.principal else None
        line["route"] = current.route
        line["method"] = current.method
    error = event.pop("exc_info", None)
    for name, value in event.items():
        line[name] = REDACTED if _is_sensitive(name) else _clean(value)
    if error:
        line["exception"] = _clean(_traceback(error))
    return line


@lru_cache(maxsize=1024)
def _is_sensitive(name: str) -> bool:
    return _SENSITIVE_NAME.search(name) is not None


def _clean(value: object) -> object:
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, Mapping):
        return {
            str(name): REDACTED if _is_sensitive(str(name)) else _clean(item)
            for name, item in value.items()
        }
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_clean(item) for item in value]
    return redacted(str(value))


def redacted(text: str) -> str:
    """The text without what looks like a secret or an address."""
    return _SENSITIVE_TEXT.sub(_redact, text) if _SUSPICIOUS.search(text) else text


def _redact(match: re.Match[str]) -> str:
    return "".join(kept or "" for kept in match.groups()) + REDACTED


def _traceback(error: object) -> str:
    if isinstance(error, tuple):
        error = error[1]
    if not isinstance(error, BaseException):
        error = sys.exception()
    if error is None:
        return ""
    return "".join(traceback.format_exception(error))[-_MAX_TRACEBACK:]


def _to_json(_logger: WrappedLogger, _level: str, event: EventDict) -> bytes:
    # ASCII: what could move a terminal's cursor or break a line is escaped.
    return json.dumps(event).replace("\x7f", "\\u007f").encode()


def _pretty() -> Processor:
    console = structlog.dev.ConsoleRenderer(colors=sys.stdout.isatty())

    def render(logger: WrappedLogger, level: str, event: EventDict) -> bytes:
        shown = {
            name: value
            if name == "exception" or not isinstance(value, str)
            else _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", value)
            for name, value in event.items()
            if value not in ("", None)
        }
        return str(console(logger, level, shown)).encode("utf-8", "backslashreplace")

    return render
