"""Releasing on Kubernetes and rolling back, with a `kubectl` that notes what it is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import IO

from tests.deploy.manifests import fill_in
from tests.deploy.releases import Noted, expect, image
from tests.matrix.checks import FaultError


def on_a_cluster(project: Path, log: IO[str], kubectl: Path) -> None:
    """The order of a release, of a canary, and what follows a failure."""
    names = ("job", "rollout", "canaries", "secret")
    migration, rollout, canaries, secret = (project / f".{name}" for name in names)
    cluster = Noted(
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
    expect(
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
    expect(
        "a canary",
        calls,
        "get deployment api ",
        "in (migration)",
        "in (api, worker), track=canary",
        "rollout status deployment.apps/api-canary",
        # It gets requests only when it is ready.
        "in (gateway)",
    )
    expect("a rollback", cluster.run("deploy/rollback", "production"), "rollout undo")
    canaries.write_text("1", encoding="utf-8")
    calls = cluster.run("deploy/rollback", "production")
    route = "grpcroute" if (project / "proto").exists() else "httproute"
    expect("the end of a canary", calls, f"patch {route} api", "scale deployment api-canary")
    if any("undo" in call for call in calls):
        raise FaultError("the end of a canary undoes the stable version as well")
    canaries.write_text("0", encoding="utf-8")

    started = "scale deployment api --replicas=1"
    for replicas in (3, 0):
        (project / ".replicas").write_text(str(replicas), encoding="utf-8")
        calls = cluster.run("deploy/release", "production", image("b"))
        if any(started in call for call in calls) == bool(replicas):
            raise FaultError(f"a release leaves an API of {replicas} instances wrongly: {calls}")
    expect("a release of a stopped API", calls, "in (api, worker)", started, "rollout status")

    migration.write_text(failing, encoding="utf-8")
    calls = cluster.run("deploy/release", "production", image("b"), fails=True)
    if any("in (api, worker)" in call and "apply" in call for call in calls):
        raise FaultError("a version is released although its migration failed")
    migration.write_text("Complete", encoding="utf-8")
    # Nothing answers for the roll-out any more: it does not become ready.
    rollout.unlink()
    calls = cluster.run("deploy/release", "production", image("b"), fails=True)
    expect("a failed release", calls, "in (api, worker)", "rollout status", "rollout undo")
    cluster.run("deploy/release", "production", "ghcr.io/acme/order-service:latest", fails=True)
