"""Releasing and rolling back, with the program that changes things replaced by one that notes.

There is neither a cluster nor a registry here. What can be told all the same is what the scripts
ask for, in which order, and what they do when it fails.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import yaml

from tests.deploy.manifests import fill_in
from tests.matrix.checks import FaultError, execute


def image(digit: str) -> str:
    return f"ghcr.io/acme/order-service@sha256:{digit * 64}"


class _Noted:
    """Commands that run with `program` replaced by a shell script; each call of it is noted."""

    def __init__(self, project: Path, log: IO[str], program: str, script: str) -> None:
        self._project, self._log = project, log
        self._calls = project / ".calls"
        folder = project / ".programs"
        folder.mkdir()
        file = folder / program
        file.write_text(f'#!/bin/sh\necho "$*" >>"{self._calls}"\n{script}', encoding="utf-8")
        file.chmod(0o755)
        self._path = f"{folder}{os.pathsep}{os.environ['PATH']}"

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


def _expect(what: str, calls: Sequence[str], *wanted: str) -> None:
    """The wanted parts occur in this order, each in a call of its own."""
    left = iter(calls)
    for part in wanted:
        if not any(part in call for call in left):
            raise FaultError(f"{what}: no `{part}` where it is due, in {list(calls)}")


def on_one_machine(project: Path, log: IO[str]) -> None:
    """Blue and green: a version that does not start gets no requests, and the others stay."""
    deploy = project / "deploy"
    docker = _Noted(
        project,
        log,
        "docker",
        # What is in the environment counts, as for Compose, before what is in a file. It cannot
        # start an image whose digest consists of f, and whoever migrates to one of 9 is killed.
        f"""image() {{
    given=$(printenv "$1") || given=$(sed -n "s/^$1=//p" "{deploy}/state/release.env")
    echo "$given" | tee -a "{project / ".calls"}"
}}
case "$*" in
    *" run --rm migrate"*) case $(image CANDIDATE_IMAGE) in *:9999*) kill -KILL "$PPID" ;; esac ;;
    *" up "*api-blue) case $(image BLUE_IMAGE) in *:ffff*) exit 1 ;; esac ;;
    *" up "*api-green) case $(image GREEN_IMAGE) in *:ffff*) exit 1 ;; esac ;;
esac
""",
    )

    def live() -> str:
        file = deploy / "traefik" / "dynamic" / "live.yaml"
        if not file.exists():
            return ""
        services = yaml.safe_load(file.read_text(encoding="utf-8"))["http"]["services"]
        [server] = services["live"]["loadBalancer"]["servers"]
        return str(server["url"])

    def watched() -> str:
        """What `ServiceDown` goes by."""
        file = deploy / "observability" / "live" / "live.yaml"
        [group] = yaml.safe_load(file.read_text(encoding="utf-8"))
        [target] = group["targets"]
        return str(target)

    execute(project, log, "deploy/setup")
    address = "h2c://api-{}:50051" if (project / "proto").exists() else "http://api-{}:8000"
    blue, green = address.format("blue"), address.format("green")
    for command, fails, expected in (
        (("deploy/rollback",), True, ""),
        (("deploy/release", "ghcr.io/acme/order-service:latest"), True, ""),
        (("deploy/release", image("a")), False, blue),
        (("deploy/release", image("b")), False, green),
        (("deploy/rollback",), False, blue),
        (("deploy/release", image("c")), False, green),
        (("deploy/release", image("f")), True, green),
        (("deploy/rollback",), False, blue),
    ):
        docker.run(*command, fails=fails)
        if live() != expected:
            raise FaultError(f"after {' '.join(command)} the requests go to {live() or 'nobody'}")
        if expected and watched().partition(":")[0] not in expected:
            raise FaultError(f"after {' '.join(command)} Prometheus takes {watched()} for live")
    docker.run("deploy/release", image("9"), fails=True)
    _expect("a rollback after a release that was killed", docker.run("deploy/rollback"), image("c"))
    docker.run("deploy/rollback")
    again = docker.run("deploy/release", image("c"))
    _expect("a release of what it had", again, "rm --stop --force api-green", " up --detach")
    calls = docker.run("deploy/release", image("d"))
    accounts = ["exec --no-TTY"] if (deploy / "accounts").exists() else []
    started = " up --detach --wait --wait-timeout 120 api-"
    _expect("a release", calls, *accounts, "run --rm migrate", started)

    # As after an update that brings a secret along, or when not all of them were restored.
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
        if docker.run("deploy/release", image("e"), fails=True):
            raise FaultError(f"a release does something although {name} is missing")
        secret.write_text(content, encoding="utf-8")


def on_a_cluster(project: Path, log: IO[str], kubectl: Path) -> None:
    """The order of a release, of a canary, and what follows a failure."""
    names = ("job", "rollout", "canaries", "secret")
    migration, rollout, canaries, secret = (project / f".{name}" for name in names)
    cluster = _Noted(
        project,
        log,
        "kubectl",
        f"""case "$*" in
    kustomize*) exec "{kubectl}" "$@" ;;
    *"get secret migration"*) cat "{secret}" ;;
    *"get job"*)
        head -n 1 "{migration}"
        test "$(wc -l <"{migration}")" -lt 2 || sed -i 1d "{migration}" ;;
    *"get deployments"*"track!=canary"*) echo deployment.apps/api ;;
    *"get deployments"*) echo deployment.apps/api deployment.apps/api-canary ;;
    *"get deployment api-canary"*) cat "{canaries}" ;;
    *"get deployment api "*replicas*) cat "{project / ".replicas"}" ;;
    *"get deployment api "*) echo "{image("a")}" ;;
    *"rollout status"*) cat "{rollout}" ;;
esac
""",
    )
    # The conditions that each call finds: only with the last ones have the pods ended.
    succeeding = "\nSuspended\nSuccessCriteriaMet\nSuccessCriteriaMet Complete\n"
    failing = "\nFailureTarget\nFailureTarget Failed\n"
    migration.write_text(succeeding, encoding="utf-8")
    rollout.touch()
    canaries.write_text("0", encoding="utf-8")
    secret.touch()
    if cluster.run("deploy/release", "production", image("b"), fails=True):
        raise FaultError("a release begins although its overlay is not filled in")
    fill_in(project)
    calls = cluster.run("deploy/release", "production", image("b"), fails=True)
    if any("apply" in call for call in calls):
        raise FaultError("a release changes the cluster although its migrations have no secret")
    secret.write_text("secret/migration", encoding="utf-8")
    _expect(
        "a release",
        cluster.run("deploy/release", "production", image("b")),
        "notin (api, worker, migration, gateway)",
        "delete job migration",
        "in (migration)",
        *["get job migration"] * 4,
        # A canary loses its requests before it ends.
        "in (gateway)",
        "in (api, worker)",
        "rollout status deployment.apps/api",
    )
    calls = cluster.run("deploy/release", "production", image("b"), "10")
    if any("apply" in call and call.endswith("in (api, worker)") for call in calls):
        raise FaultError("a canary brings changed settings to the stable instances as well")
    _expect(
        "a canary",
        calls,
        "get deployment api ",
        "in (migration)",
        "in (api, worker), track=canary",
        "rollout status deployment.apps/api-canary",
        # It gets requests only when it is ready.
        "in (gateway)",
    )
    _expect("a rollback", cluster.run("deploy/rollback", "production"), "rollout undo")
    canaries.write_text("1", encoding="utf-8")
    calls = cluster.run("deploy/rollback", "production")
    route = "grpcroute" if (project / "proto").exists() else "httproute"
    _expect("the end of a canary", calls, f"patch {route} api", "scale deployment api-canary")
    if any("undo" in call for call in calls):
        raise FaultError("the end of a canary undoes the stable version as well")
    canaries.write_text("0", encoding="utf-8")

    started = "scale deployment api --replicas=1"
    for replicas in (3, 0):
        (project / ".replicas").write_text(str(replicas), encoding="utf-8")
        calls = cluster.run("deploy/release", "production", image("b"))
        if any(started in call for call in calls) == bool(replicas):
            raise FaultError(f"a release leaves an API of {replicas} instances wrongly: {calls}")
    _expect("a release of a stopped API", calls, "in (api, worker)", started, "rollout status")

    migration.write_text(failing, encoding="utf-8")
    calls = cluster.run("deploy/release", "production", image("b"), fails=True)
    if any("in (api, worker)" in call and "apply" in call for call in calls):
        raise FaultError("a version is released although its migration failed")
    migration.write_text("Complete", encoding="utf-8")
    # Nothing answers for the roll-out any more: it does not become ready.
    rollout.unlink()
    calls = cluster.run("deploy/release", "production", image("b"), fails=True)
    _expect("a failed release", calls, "in (api, worker)", "rollout status", "rollout undo")
    cluster.run("deploy/release", "production", "ghcr.io/acme/order-service:latest", fails=True)
