"""Production starts with proper settings only."""

import re
from concurrent.futures import ThreadPoolExecutor

from tests.support import accounts, probe
from tests.support.service import run_command

WEAK = {
    "APP_ENV": "production",
    "CORS_ALLOW_CREDENTIALS": "true",
    "CORS_ORIGINS": "*",
    "CURSOR_SIGNING_KEY": "hunter2-" * 4,
    "HTTP_DEBUG": "true",
    "PORT": "hunter2",
    "WEBHOOK_URL": "https://receiver.example",
    **probe.WEAK_SETTINGS,
}
MISSING = {"ALLOWED_HOSTS", *accounts.PRODUCTION_SETTINGS}


def test_weak_settings_are_refused_all_at_once(environment: dict[str, str]) -> None:
    embedded = {name for name, value in environment.items() if value.endswith("=embedded")}
    env = {**environment, **WEAK}
    with ThreadPoolExecutor() as threads:
        running = [
            threads.submit(run_command, *command, env=env, check=False)
            for command in (("config", "check"), ("serve",))
        ]
    for done in (command.result() for command in running):
        assert done.returncode == 2
        lines = done.stderr.splitlines()
        assert all(re.match(r"error: [A-Z_]+: \S", line) for line in lines)
        named = {line.split(":")[1].strip() for line in lines}
        assert named >= (WEAK.keys() - {"APP_ENV", "CORS_ALLOW_CREDENTIALS"}) | MISSING | embedded
        assert len(named) == len(lines)
        assert "hunter2" not in done.stderr
        assert done.stdout == ""


def test_proper_settings_are_accepted(
    environment: dict[str, str], production_settings: dict[str, str]
) -> None:
    done = run_command("config", "check", env={**environment, **production_settings})
    assert done.returncode == 0
