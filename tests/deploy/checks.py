"""The checks of what deploys, observes and automates a project, for the matrix."""

from __future__ import annotations

from tests.deploy import alerts, containers, gateway, manifests, workflows
from tests.matrix.checks import Check, under

_SCRIPTS = (
    *("accounts", "backup", "blue-green", "compose", "release", "render", "restore", "rollback"),
    "setup",
)
_kubernetes = under("deploy/base/*", "deploy/overlays/*", "deploy/components/*", "deploy/render")


def _compose(name: str) -> bool:
    wanted = under("compose.yaml", "deploy/*.yaml", "deploy/settings.env", "deploy/setup")
    return wanted(name) and not _kubernetes(name) and "/rules/" not in name


CHECKS = [
    Check("dockerfile", under("Dockerfile", ".dockerignore"), containers.check_dockerfile),
    Check("compose", _compose, containers.check_compose),
    Check("scripts", under(*(f"deploy/{name}" for name in _SCRIPTS)), containers.check_scripts),
    Check("gateway", under("deploy/traefik/*", "deploy/compose.yaml"), gateway.check),
    Check("manifests", _kubernetes, manifests.check),
    Check(
        "alerts",
        under(
            *("deploy/observability/*", "docs/runbook/*"),
            *("src/app/*/metrics.py", "src/app/auth/*.py"),
        ),
        alerts.check,
    ),
    Check("automation", under(".github/*"), workflows.check),
]
