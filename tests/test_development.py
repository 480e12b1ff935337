"""What `make run` starts on a development machine, and that nothing of it stays."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.support import servers
from tests.support.rendering import Renderer

PATIENCE_SECONDS = 90


class Development:
    """A rendered project with its tools installed; its service listens on a port of its own."""

    def __init__(self, project: Path) -> None:
        self.project = project
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        unwanted = ("VIRTUAL_ENV", "MAKEFLAGS", "DATABASE_URL", "REDIS_URL", "BROKER_URL")
        inherited = {name: value for name, value in os.environ.items() if name not in unwanted}
        found = servers.environment(project)
        self._environment = {**inherited, **found, "PORT": str(self.port)}

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=self.project,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_SECONDS,
        )

    @contextlib.contextmanager
    def running(self, *command: str) -> Iterator[subprocess.Popen[bytes]]:
        """Start a command in a process group of its own, as a terminal does."""
        with (self.project / "run.log").open("wb") as log:
            process = subprocess.Popen(
                command,
                cwd=self.project,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            await_that(lambda: process.poll() is not None or self.is_ready(), self.log)
            assert process.poll() is None, self.log()
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
                process.wait(PATIENCE_SECONDS)

    def is_ready(self) -> bool:
        """Whether everything has been started, which is said last, and the service answers."""
        if "Ctrl-C ends it" not in self.log():
            return False
        with (
            contextlib.suppress(OSError),
            urllib.request.urlopen(
                f"http://127.0.0.1:{self.port}/health/ready", timeout=5
            ) as answer,
        ):
            return bool(answer.status == 200)
        return False

    def processes(self) -> list[list[str]]:
        """Every process of the project, servers included."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                command = process.cmdline()
                if any(str(self.project) in part for part in command):
                    found.append(command)
        return found

    def runs(self, *commands: str) -> bool:
        return set(commands) <= {part for command in self.processes() for part in command}

    def log(self) -> str:
        return (self.project / "run.log").read_text(encoding="utf-8", errors="replace")


def await_that(true: Callable[[], object], explain: Callable[[], object]) -> None:
    limit = time.monotonic() + PATIENCE_SECONDS
    while not true():
        assert time.monotonic() < limit, explain()
        time.sleep(0.05)


@pytest.fixture(scope="module", params=["postgresql", "mysql", "sqlite", "mongodb"])
def development(
    request: pytest.FixtureRequest,
    renderer: Renderer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Development:
    project = tmp_path_factory.mktemp("development") / "service"
    renderer.render({"database": request.param, "hosting": "compose"}, project)
    development = Development(project)
    installed = development.run("uv", "sync", "--quiet")
    assert installed.returncode == 0, installed.stderr
    return development


def test_ctrl_c_ends_all_that_was_started(development: Development) -> None:
    with development.running("uv", "run", "--no-sync", "python", "-m", "dev", "run") as process:
        await_that(lambda: development.runs("serve", "worker"), development.log)
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(PATIENCE_SECONDS) == 0, development.log()
    assert "Traceback" not in development.log()
    await_that(lambda: not development.processes(), development.processes)


def test_a_killed_run_leaves_nothing_behind_and_can_be_repeated(development: Development) -> None:
    command = (str(development.project / ".venv/bin/python"), "-m", "dev", "run")
    with development.running(*command) as process:
        process.kill()
        process.wait()
    await_that(lambda: not development.processes(), development.processes)
    with development.running(*command):
        pass
    await_that(lambda: not development.processes(), development.processes)


def test_commands_join_what_runs_already(development: Development) -> None:
    with development.running("make", "run"):
        before = len(development.processes())
        admin = ("app", "create-admin", "me@example.com")
        shell = f"echo violet-otter-cabin-4821 | .venv/bin/python -m dev exec -- {' '.join(admin)}"
        done = development.run("sh", "-c", shell)
        assert done.returncode == 0, done.stderr
        assert len(development.processes()) == before
        second = development.run(".venv/bin/python", "-m", "dev", "run")
    assert second.returncode == 1
    assert second.stderr == (
        f"Port {development.port} is in use: stop what listens there, or set PORT\n"
    )
    await_that(lambda: not development.processes(), development.processes)


def test_a_database_of_ones_own_is_used(development: Development) -> None:
    environment = development.run(".venv/bin/python", "-m", "dev", "env").stdout
    (scheme,) = re.findall(r"DATABASE_URL='?(\w+):", environment)
    url = f"{scheme}:////nowhere/app.db"
    if scheme != "sqlite":
        url = f"{scheme}://app:secret@127.0.0.1:1/app"
    done = development.run(
        "env", f"DATABASE_URL={url}", ".venv/bin/python", "-m", "dev", "exec", "--", "env"
    )
    assert f"DATABASE_URL={url}\n" in done.stdout
