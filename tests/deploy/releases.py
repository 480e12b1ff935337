"""Releasing on one machine and rolling back, by programs that note what they are asked for.

There is neither a registry nor a machine to release to here. What can be told all the same is what
the scripts ask for, in which order, and what they do when it fails.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import yaml

from tests.matrix.checks import FaultError, execute


def image(digit: str) -> str:
    return f"ghcr.io/acme/order-service@sha256:{digit * 64}"


class Noted:
    """Commands that run with `program` replaced by a shell script; each call of it is noted."""

    def __init__(self, project: Path, log: IO[str], program: str, script: str) -> None:
        self._project, self._log = project, log
        self._calls = project / ".calls"
        self._folder = project / ".programs"
        self._folder.mkdir(exist_ok=True)
        self.add(program, f'echo "$*" >>"{self._calls}"\n{script}')
        self._path = f"{self._folder}{os.pathsep}{os.environ['PATH']}"

    def add(self, program: str, script: str) -> None:
        """Another program is replaced as well, and its calls are not noted."""
        file = self._folder / program
        file.write_text(f"#!/bin/sh\n{script}", encoding="utf-8")
        file.chmod(0o755)

    def run(self, *command: str, fails: bool = False) -> list[str]:
        """The calls that the command makes; it has to fail or to succeed."""
        self._calls.write_text("", encoding="utf-8")
        failed = False
        try:
            execute(self._project, self._log, *command, PATH=self._path)
        except FaultError:
            failed = True
        if failed != fails:
            raise FaultError(f"{' '.join(command)} {'fails' if failed else 'succeeds'}")
        return self._calls.read_text(encoding="utf-8").splitlines()


def expect(what: str, calls: Sequence[str], *wanted: str) -> None:
    """The wanted parts occur in this order, each in a call of its own."""
    left = iter(calls)
    for part in wanted:
        if not any(part in call for call in left):
            raise FaultError(f"{what}: no `{part}` where it is due, in {list(calls)}")


def never(what: str, calls: Sequence[str], *unwanted: str) -> None:
    for part in unwanted:
        if any(part in call for call in calls):
            raise FaultError(f"{what}: `{part}`, in {list(calls)}")


def _fails(project: Path, log: IO[str], command: str, **environment: str) -> None:
    try:
        execute(project, log, command, **environment)
    except FaultError:
        return
    raise FaultError(f"{command} succeeds")


class _Machine:
    """A project's scripts, on a machine whose Docker fails as the digest of the image says."""

    def __init__(self, project: Path, log: IO[str]) -> None:
        self.deploy = project / "deploy"
        self.ending, self.broken_worker = project / ".ending", project / ".broken-worker"
        services = yaml.safe_load((self.deploy / "compose.yaml").read_text(encoding="utf-8"))
        self.has_worker = "worker" in services["services"]
        self._docker = Noted(
            project,
            log,
            "docker",
            # What is in the environment counts, as for Compose, before what is in a file. It cannot
            # pull an image whose digest consists of e, nor start one of f; whoever migrates to one
            # of 9, or starts one of 8, is killed.
            f"""image() {{
    given=$(printenv "$1") || given=$(sed -n "s/^$1=//p" "{self.deploy}/state/release.env")
    echo "$given" | tee -a "{project / ".calls"}"
}}
started() {{
    case $(image "$1") in *:ffff*) exit 1 ;; *:8888*) kill -KILL "$PPID" ;; esac
}}
case "$*" in
    *" pull "*) case $(image CANDIDATE_IMAGE) in *:eeee*) exit 1 ;; esac ;;
    *" run --rm migrate"*) case $(image CANDIDATE_IMAGE) in *:9999*) kill -KILL "$PPID" ;; esac ;;
    *" up "*api-blue) started BLUE_IMAGE ;;
    *" up "*api-green) started GREEN_IMAGE ;;
    *" up "*worker) test ! -e "{self.broken_worker}" ;;
esac
""",
        )
        # Ends a script right after the requests have moved.
        self._docker.add(
            "mv",
            f"""/bin/mv "$@"
case "$*" in
    */traefik/dynamic/live.yaml) if test -e "{self.ending}"; then kill -KILL "$PPID"; fi ;;
esac
""",
        )
        self.run = self._docker.run

    def live(self) -> str:
        file = self.deploy / "traefik" / "dynamic" / "live.yaml"
        if not file.exists():
            return ""
        services = yaml.safe_load(file.read_text(encoding="utf-8"))["http"]["services"]
        [server] = services["live"]["loadBalancer"]["servers"]
        return str(server["url"])

    def watched(self) -> str:
        """What `ServiceDown` goes by."""
        file = self.deploy / "observability" / "live" / "live.yaml"
        [group] = yaml.safe_load(file.read_text(encoding="utf-8"))
        [target] = group["targets"]
        return str(target)

    def expect_live(self, after: str, colour: str) -> None:
        """Requests go there, and to the port of the protocol; Prometheus watches the same one."""
        address = (
            "h2c://api-{}:50051"
            if (self.deploy.parent / "proto").exists()
            else "http://api-{}:8000"
        )
        if self.live() != (address.format(colour) if colour else ""):
            raise FaultError(f"after {after} the requests go to {self.live() or 'nobody'}")
        if colour and self.watched() != f"api-{colour}:8000":
            raise FaultError(f"after {after} Prometheus takes {self.watched()} for live")


def on_one_machine(project: Path, log: IO[str]) -> None:
    """Blue and green: a version that does not start gets no requests, and the others stay."""
    _without_openssl(project, log)
    execute(project, log, "deploy/setup")
    machine = _Machine(project, log)
    for command, fails, expected in (
        (("deploy/rollback",), True, ""),
        (("deploy/release", "ghcr.io/acme/order-service:latest"), True, ""),
        (("deploy/release", image("a")), False, "blue"),
        (("deploy/rollback",), True, "blue"),
        (("deploy/release", image("b")), False, "green"),
        (("deploy/release", image("e")), True, "green"),
        (("deploy/rollback",), False, "blue"),
        # Repeated, it does not go forward again.
        (("deploy/rollback",), False, "blue"),
        (("deploy/release", image("c")), False, "green"),
        (("deploy/release", image("c")), False, "green"),
        (("deploy/release", image("f")), True, "green"),
        (("deploy/rollback",), False, "blue"),
        (("deploy/release", image("c")), False, "green"),
        (("deploy/release", "--force", image("c")), False, "blue"),
    ):
        machine.run(*command, fails=fails)
        machine.expect_live(" ".join(command), expected)
    _broken_off(machine)
    if machine.has_worker:
        _without_worker(machine)
    again = machine.run("deploy/release", "--force", image("c"))
    expect("a release of what it had", again, "rm --stop --force api-green", " up --detach")
    calls = machine.run("deploy/release", image("d"))
    accounts = ["exec --no-TTY"] if (machine.deploy / "accounts").exists() else []
    started = " up --detach --wait --wait-timeout 120 api-"
    expect("a release", calls, *accounts, "run --rm migrate", started)
    _without_secrets(machine)


def _without_openssl(project: Path, log: IO[str]) -> None:
    """Where it is missing, or fails: no secret is made, rather than one that everybody knows."""
    programs, secrets = project / ".few-programs", project / "deploy" / "secrets"
    programs.mkdir()
    for name in ("bash", "chmod", "dirname", "mkdir", "mv"):
        (programs / name).symlink_to(str(shutil.which(name)))
    failing = programs / "openssl"
    for openssl in (None, "#!/bin/sh\nexit 1\n"):
        if openssl:
            failing.write_text(openssl, encoding="utf-8")
            failing.chmod(0o755)
        _fails(project, log, "deploy/setup", PATH=str(programs))
        if any(secrets.glob("*")):
            raise FaultError("deploy/setup makes secrets without openssl")
    secrets.mkdir(exist_ok=True)
    empty = secrets / "CURSOR_SIGNING_KEY"
    empty.write_text("\n", encoding="utf-8")
    _fails(project, log, "deploy/setup")
    empty.unlink()


def _broken_off(machine: _Machine) -> None:
    """Whatever ends a release, what is live stays, and a rollback has where to go."""
    migrate = ("deploy/compose", "run", "--rm", "migrate")
    expect("the migrations of what was released", machine.run(*migrate), image("c"))
    machine.run("deploy/release", image("a"))
    machine.expect_live("a release", "green")
    removed = "rm --stop --force api-blue"
    for digit in ("e", "9"):
        calls = machine.run("deploy/release", image(digit), fails=True)
        never("a release that starts nothing", calls, removed)
        after = f"the migrations after a release of {digit}"
        expect(after, machine.run(*migrate), image("a"))
    back = machine.run("deploy/rollback")
    expect("a rollback", back, "--no-recreate api-blue", image("c"))
    never("a rollback", back, removed)

    machine.run("deploy/release", image("a"))
    machine.run("deploy/release", image("8"), fails=True)
    back = machine.run("deploy/rollback")
    expect("a rollback after a release that was killed", back, removed, " up ", image("c"))

    machine.ending.touch()
    machine.run("deploy/release", image("a"), fails=True)
    machine.ending.unlink()
    calls = machine.run("deploy/release", image("a"))
    never("a release that is repeated", calls, "rm --stop", "api-blue")
    machine.expect_live("a release that is repeated", "green")
    machine.ending.touch()
    machine.run("deploy/rollback", fails=True)
    machine.ending.unlink()
    machine.run("deploy/rollback")
    machine.expect_live("a rollback that is repeated", "blue")


def _without_worker(machine: _Machine) -> None:
    """The requests have moved by then: repeated, neither moves them again."""
    machine.broken_worker.touch()
    for command, colour in (
        (("deploy/release", image("a")), "green"),
        (("deploy/rollback",), "blue"),
    ):
        for _ in range(2):
            calls = machine.run(*command, fails=True)
            expect("a worker that fails", calls, "up --detach", "logs --tail 50 worker")
            machine.expect_live(f"{command[0]} with a worker that fails", colour)
    machine.broken_worker.unlink()
    expect("another try", machine.run("deploy/rollback"), "--force-recreate worker")


def _without_secrets(machine: _Machine) -> None:
    """As after an update that brings a secret along, or when not all of them were restored."""
    deploy = machine.deploy
    composed = [deploy / "compose.yaml", *sorted((deploy / "production").glob("*.yaml"))]
    needed = {
        name
        for file in composed
        for name in yaml.safe_load(file.read_text(encoding="utf-8")).get("secrets", ())
    }
    for name in sorted(needed):
        secret = deploy / "secrets" / name
        content = secret.read_text(encoding="utf-8")
        secret.unlink()
        if machine.run("deploy/release", image("1"), fails=True):
            raise FaultError(f"a release does something although {name} is missing")
        secret.write_text(content, encoding="utf-8")
