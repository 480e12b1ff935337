"""What a log line looks like, and what never stands in one."""

import json
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from tests.support.process import AppProcess

SETUP = """
import logging, warnings
import structlog
from app.auth.principal import Principal
from app.platform.configuration import Environment
from app.platform.context import RequestContext, set_context
from app.platform.logging import LogSettings, configure_logging
from app.platform.telemetry import span
configure_logging(LogSettings(format={shape!r}), Environment.TEST)
log = structlog.get_logger()
"""
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def written(code: str, shape: str = "json") -> str:
    """What a process of its own writes to stdout, since logging is configured for a process."""
    program = SETUP.format(shape=shape) + code
    with TemporaryDirectory(prefix="app-tests-") as folder:
        output, errors = Path(folder) / "output", Path(folder) / "errors"
        done = AppProcess([], {}, output, errors, run=partial(exec, program, {})).wait()
        assert done == 0, errors.read_text("utf-8")
        return output.read_text("utf-8")


def events(code: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in written(code).splitlines()]


def test_a_line_names_its_request() -> None:
    code = f"""
set_context(RequestContext("id-1", method="GET", route="/v1/orders/{{order_id}}",
    principal=Principal("user-1", "user", frozenset())))
with span("GET", traceparent={TRACE!r}):
    log.info("done", status=200)
"""
    (event,) = events(code)
    assert list(event) == [
        *("timestamp", "level", "event", "request_id", "trace_id", "span_id"),
        *("principal", "route", "method", "status"),
    ]
    assert event["timestamp"].endswith("Z")
    assert (event["level"], event["event"], event["status"]) == ("info", "done", 200)
    assert (event["request_id"], event["principal"]) == ("id-1", "user-1")
    assert event["trace_id"] in TRACE
    assert event["span_id"] in TRACE


def test_libraries_and_warnings_log_alike() -> None:
    code = """
logging.getLogger("lib").info("chatter")
logging.getLogger("lib").warning("careful %s", "now")
warnings.warn("old")
"""
    library, warning = events(code)
    assert (library["event"], library["logger"]) == ("careful now", "lib")
    assert "UserWarning: old" in warning["event"]


@pytest.mark.parametrize("shape", ["json", "pretty"])
def test_an_event_stays_one_line_without_control_characters(shape: str) -> None:
    nasty = "a\r\nb\x1b[31mred\x7f\x9b\u2028\udc80"
    text = written(f"log.info({nasty!r}, path={nasty!r})", shape)
    assert text.count("\n") == 1
    assert text.endswith("\n")
    assert text[:-1].isprintable()


def test_an_exception_is_part_of_its_line() -> None:
    (event,) = events("""
try:
    1 / 0
except ZeroDivisionError:
    log.exception("failed")
""")
    assert event["level"] == "error"
    assert event["exception"].startswith("Traceback")
    assert "ZeroDivisionError: division by zero" in event["exception"]


def test_secrets_and_personal_data_are_taken_out() -> None:
    secret = "hunter2"
    jwt = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl"
    key = f"app_{'0f' * 16}_{'Ab1' * 17}"
    values = {
        "password": secret,
        "new_password": secret,
        "access_token": secret,
        "client_secret": secret,
        "api_key": secret,
        "headers": {"Authorization": f"Basic {secret}", "Set-Cookie": secret, "X-API-Key": secret},
        "note": f"Bearer {secret} and {jwt}",
        "url": f"postgresql://app:{secret}@db/orders?password={secret}",
        "email": "alice@example.com",
        "who": ["mail alice@example.com"],
        "path": "/users/alice%40example.com",
        "key": key,
        "form": f"grant_type=refresh_token&refresh_token={secret}&client_secret={secret}",
        "error": ValueError(f"token: {secret}"),
    }
    code = f"""
log.info("x", **{ {name: value for name, value in values.items() if name != "error"}!r},
    error=ValueError("token: {secret}"))
try:
    raise ValueError("secret={secret} alice@example.com")
except ValueError:
    logging.getLogger("lib").exception("failed with Bearer {secret}")
"""
    text = written(code)
    assert text.count("[redacted]") >= len(values)
    for hidden in (secret, "alice", jwt[:20], jwt[-10:], key[-20:]):
        assert hidden not in text


def test_what_only_sounds_secret_is_kept() -> None:
    (event,) = events('log.info("x", token_id="t1", idempotency_key="k1", author="a1")')
    assert (event["token_id"], event["idempotency_key"], event["author"]) == ("t1", "k1", "a1")
