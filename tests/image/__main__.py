"""Build and run the image of some projects: with servers and a worker, without, and with gRPC."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc

from extensions.catalogue import combinations
from tests.image.engine import Engine, EngineError, engine
from tests.support.rendering import Renderer
from tests.support.snapshot import ROOT, snapshot

_PICKED = (
    {"database": "postgresql", "queue": "redis", "cache": "redis"},
    {"database": "sqlite", "queue": "none", "cache": "memory"},
    {"protocol": "grpc", "database": "sqlite", "queue": "none", "cache": "memory"},
)
_HOST = "service.example.com"
_STRICT = (
    "--network=host",
    "--read-only",
    "--tmpfs=/tmp",
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
    "--memory=512m",
    "--pids-limit=256",
)


class FaultError(Exception):
    """What the image does, and should not."""


@dataclass(frozen=True)
class Image:
    """A built image, and how every container of it is started."""

    engine: Engine
    name: str
    options: tuple[str, ...]

    def once(self, *command: str) -> tuple[int, str]:
        """Run a command to its end: its exit status and all of its output."""
        done = self.engine.run("run", "--rm", *self.options, self.name, *command, check=False)
        return done.returncode, done.stdout + done.stderr

    @contextmanager
    def running(self, command: str, port: int) -> Iterator[str]:
        """A container that is healthy; it is stopped with SIGTERM, and has to exit with 0."""
        container = self.engine.run(
            "run", "--detach", *self.options, f"--env=PORT={port}", self.name, command
        ).stdout.strip()
        try:
            begun = time.monotonic()
            while (state := self._state(container))["Health"]["Status"] != "healthy":
                if state["Status"] != "running" or time.monotonic() - begun > 60:
                    raise FaultError(f"`{command}` is {state['Status']}, and not healthy")
                time.sleep(0.2)
            print(f"  {command}: healthy after {time.monotonic() - begun:.1f} s", flush=True)
            yield container
            begun = time.monotonic()
            self.engine.run("stop", "--time=30", container)
            if status := self._state(container)["ExitCode"]:
                raise FaultError(f"`{command}` exits with {status} on SIGTERM")
            print(f"  {command}: exit 0, {time.monotonic() - begun:.1f} s after SIGTERM")
        except FaultError:
            print(self.engine.run("logs", container, check=False).stdout[-4000:])
            raise
        finally:
            self.engine.run("rm", "--force", "--volumes", container)

    def _state(self, container: str) -> dict[str, Any]:
        text = self.engine.run("inspect", "--format={{json .State}}", container).stdout
        state: dict[str, Any] = json.loads(text)
        return state


def main() -> int:
    dockerfile = ROOT / "template" / "{{ layer.base }}" / "Dockerfile.jinja"
    [uv_version] = re.findall(r"FROM \S+/uv:(\S+) AS", dockerfile.read_text(encoding="utf-8"))
    try:
        with (
            tempfile.TemporaryDirectory(prefix="image-") as temporary,
            engine(uv_version) as found,
            Renderer(snapshot(Path(temporary, "template"))) as renderer,
        ):
            # Servers and containers run as other users.
            Path(temporary).chmod(0o755)
            for number, picked in enumerate(_PICKED):
                answers = next(it for it in combinations() if picked.items() <= it.items())
                project = Path(temporary, f"project-{number}")
                version = found.python_version or "3.12"
                renderer.render({**answers, "python_version": version}, project)
                print(", ".join(picked.values()), flush=True)
                _check(found, project, "worker" if picked["queue"] != "none" else "")
    except (EngineError, FaultError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _check(found: Engine, project: Path, worker: str) -> None:
    name = f"{project.name}:test"
    shutil.copy(ROOT / "uv.lock", project / "uv.lock")
    subprocess.run(["uv", "sync", "--quiet"], cwd=project, check=True, env=_environment())
    begun = time.monotonic()
    found.run("build", "--network=host", f"--tag={name}", project)
    size = int(found.run("inspect", "--format={{.Size}}", name).stdout)
    base = f"python:{found.python_version or '3.12'}-slim-trixie"
    own = size - int(found.run("inspect", "--format={{.Size}}", base).stdout)
    print(f"  built in {time.monotonic() - begun:.1f} s; {own / 1e6:.0f} MB on top of {base}")

    status, output = Image(found, name, _STRICT).once("config", "check")
    if status != 2 or "CURSOR_SIGNING_KEY" not in output:
        raise FaultError(f"starts without secrets: {status} {output}")
    secrets = project / ".test-secrets"
    with _servers(project) as servers:
        options = (*_STRICT, *_settings(secrets, servers), f"--volume={project.name}-data:/data")
        image = Image(found, name, options)
        for command in (("config", "check"), ("migrate", "upgrade")):
            status, output = image.once(*command)
            if status:
                raise FaultError(f"{' '.join(command)} exits with {status}: {output}")
        with image.running("serve", 18000) as container:
            _inspect(found, container)
            _ask(18000, "grpc" if (project / "proto").exists() else "http")
        if worker:
            with image.running(worker, 18001):
                pass


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}


@contextmanager
def _servers(project: Path) -> Iterator[dict[str, str]]:
    """The backing servers that the project brings for development, as variables lead to them."""
    wanted = ("DATABASE_URL", "REDIS_URL", "BROKER_URL")
    command = (
        "import os, json, sys; print(json.dumps(dict(os.environ)), flush=True); sys.stdin.read()"
    )
    process = subprocess.Popen(
        [".venv/bin/python", "-m", "dev", "exec", "--", "python", "-c", command],
        cwd=project,
        env=_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        provided = json.loads(process.stdout.readline())
        # Production refuses servers that carry this mark of development.
        mark = re.compile(r"\?(application|client)_name=embedded$")
        values = {name: mark.sub("", provided[name]) for name in wanted if name in provided}
        if values["DATABASE_URL"].startswith("sqlite"):
            values["DATABASE_URL"] = "sqlite:////data/app.db"
        yield values
    finally:
        process.stdin.close()
        process.wait(60)


def _settings(folder: Path, servers: dict[str, str]) -> list[str]:
    """Settings as production has them: secrets in files, the rest in the environment."""
    folder.mkdir(mode=0o755)
    key = ("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")
    secrets = {
        **servers,
        "CURSOR_SIGNING_KEY": os.urandom(32).hex(),
        "JWT_SIGNING_KEYS": subprocess.run(key, check=True, capture_output=True, text=True).stdout,
    }
    for name, value in secrets.items():
        (folder / name).write_text(value, encoding="utf-8")
    return [
        f"--volume={folder}:/run/secrets:ro",
        *(f"--env={name}_FILE=/run/secrets/{name}" for name in secrets),
        f"--env=ALLOWED_HOSTS={_HOST}",
        f"--env=JWT_ISSUER=https://{_HOST}",
        "--env=JWT_AUDIENCE=service",
        "--env=OIDC_ISSUER=https://id.example.com",
        "--env=OIDC_AUDIENCE=service",
        "--env=GRPC_INSECURE=true",
    ]


def _inspect(found: Engine, container: str) -> None:
    """What a process in the container is, and may do."""
    script = (
        "import os, pathlib, sys\n"
        "status = pathlib.Path('/proc/1/status').read_text()\n"
        "lines = dict(line.split(':', 1) for line in status.splitlines())\n"
        "print(lines['Uid'].split(), lines['CapEff'].strip(), lines['NoNewPrivs'].strip())\n"
        "for folder in ('/', '/app', '/app/.venv'):\n"
        "    try: pathlib.Path(folder, 'probe').touch(); print('can write to', folder)\n"
        "    except OSError: pass\n"
        "try: import pytest; print('has development tools')\n"
        "except ImportError: pass\n"
    )
    told = found.run("exec", container, "python", "-c", script).stdout.strip()
    if told != "['10001', '10001', '10001', '10001'] 0000000000000000 1":
        raise FaultError(f"the process is not confined: {told}")


def _ask(port: int, protocol: str) -> None:
    """The service answers, and to its own name alone."""
    orders = [("/v1/orders", _HOST, 401), ("/v1/orders", "other.example.com", 400)]
    if protocol == "grpc":
        orders = [("/nothing", _HOST, 404), ("/nothing", "other.example.com", 400)]
        _call("127.0.0.1:50051")
    for path, host, expected in (
        ("/health/ready", _HOST, 200),
        ("/metrics", f"127.0.0.1:{port}", 200),
        *orders,
        ("/docs", _HOST, 404),
    ):
        request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers={"Host": host})
        try:
            with urllib.request.urlopen(request, timeout=5) as response:
                status = response.status
        except urllib.error.HTTPError as error:
            status = error.code
        if status != expected:
            raise FaultError(f"{path} of {host} is answered with {status}, not {expected}")


def _call(target: str) -> None:
    """An order is refused to whoever does not say who they are."""
    with grpc.insecure_channel(target) as channel:
        method: Any = channel.unary_unary("/orders.v1.OrderService/CreateOrder")
        try:
            method(b"", timeout=5)
            status = "OK"
        except grpc.RpcError as error:
            status = error.code().name
    if status != "UNAUTHENTICATED":
        raise FaultError(f"a call without credentials is answered with {status}")


if __name__ == "__main__":
    sys.exit(main())
