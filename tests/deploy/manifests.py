"""The Kubernetes manifests, as a release would send them to the cluster."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import yaml

from tests.deploy.programs import checker, kubectl
from tests.matrix.checks import FaultError, Findings, execute

IMAGE = "ghcr.io/acme/order-service@sha256:" + "a" * 64
CANDIDATE = "ghcr.io/acme/order-service@sha256:" + "b" * 64
_TRIVY_IGNORED = {
    "KSV-0125": "ghcr.io is where the project's workflow publishes, and its signature is verified",
    "KSV-01010": "variables that end in _FILE name the file of a secret, and hold none",
}
Manifest = dict[str, Any]


def check(project: Path, log: IO[str]) -> Findings:
    """Build every environment with its optional components, and a canary; lint and compare them."""
    program = kubectl()
    if program is None:
        return Findings(
            skipped=["kubectl is missing, so no manifest was built: install 1.30 or later"]
        )
    fill_in(project)
    built = project / ".built"
    built.mkdir()
    for environment in ("staging", "production"):
        overlay = project / "deploy" / "overlays" / environment / "kustomization.yaml"
        text = overlay.read_text(encoding="utf-8")
        with (built / f"{environment}-alone.yaml").open("w", encoding="utf-8") as output:
            execute(project, output, "deploy/render", environment, IMAGE)
        offered = text.replace("  # - ../../components/", "  - ../../components/")
        if offered == text:
            raise FaultError(f"{environment} offers no component")
        overlay.write_text(offered, encoding="utf-8")
        with (built / f"{environment}.yaml").open("w", encoding="utf-8") as output:
            execute(project, output, "deploy/render", environment, IMAGE)
    with (built / "canary.yaml").open("w", encoding="utf-8") as output:
        execute(project, output, "deploy/render", "production", IMAGE, CANDIDATE, "25")
    for file in sorted(built.iterdir()):
        # `execute` begins its log with the command.
        lines = file.read_text(encoding="utf-8").splitlines(keepends=True)[1:]
        file.write_text("".join(lines), encoding="utf-8")
        log.write(f"{file.name}\n")
        for fault in _faults(list(yaml.safe_load_all("".join(lines)))):
            raise FaultError(f"{file.name}: {fault}")
        execute(
            project, log, checker("kubernetes-validate"), "--strict", "--quiet", "--no-warn", file
        )
    if leftovers := list((project / "deploy").glob(".release*")):
        raise FaultError(f"deploy/render leaves {leftovers[0].name}")
    execute(
        project,
        log,
        checker("checkov"),
        *("--directory", ".built", "--framework", "kubernetes"),
        *("--compact", "--quiet", "--skip-download"),
    )
    ignored = project / ".trivyignore"
    ignored.write_text("".join(f"# {why}\n{name}\n" for name, why in _TRIVY_IGNORED.items()))
    execute(
        project,
        log,
        checker("trivy"),
        *("config", "--skip-check-update", "--exit-code", "1", "--ignorefile", ignored, ".built"),
    )
    return Findings()


def fill_in(project: Path) -> None:
    """Set what every team has to, and what nothing is rendered without."""
    for settings in (project / "deploy" / "overlays").glob("*/settings.env"):
        text = settings.read_text(encoding="utf-8")
        filled = text.replace("TRUSTED_PROXIES=to-be-set\n", "TRUSTED_PROXIES=10.1.0.0/16\n")
        if filled == text:
            raise FaultError(f"{settings.parent.name} trusts proxies that nobody has named")
        filled = filled.replace("OIDC_ISSUER=to-be-set\n", "OIDC_ISSUER=https://id.example.com\n")
        settings.write_text(filled, encoding="utf-8")


def _faults(manifests: list[Manifest]) -> Iterator[str]:
    """What no schema tells: names that lead nowhere, and times that contradict each other."""
    workloads = [it for it in manifests if it["kind"] in ("Deployment", "Job")]
    workloads += [
        {**it, "spec": it["spec"]["jobTemplate"]["spec"]}
        for it in manifests
        if it["kind"] == "CronJob"
    ]
    labelled = [it["spec"]["template"]["metadata"]["labels"] for it in workloads]
    names = {(it["kind"], it["metadata"]["name"]) for it in manifests}
    namespaces = {it["metadata"].get("namespace", it["metadata"]["name"]) for it in manifests}
    if len(namespaces) != 1:
        yield f"more than one namespace: {sorted(namespaces)}"
    for workload in workloads:
        yield from _workload_faults(workload, names, manifests)
    for selector, owner in _selectors(manifests):
        if not any(selector.items() <= labels.items() for labels in labelled):
            yield f"{owner} selects no pod"
    for route in (it for it in manifests if it["kind"] in ("HTTPRoute", "GRPCRoute")):
        for rule in route["spec"]["rules"]:
            for backend in rule.get("backendRefs", ()):
                if ("Service", backend["name"]) not in names:
                    yield f"{backend['name']}, to which a route leads, is no service"
        if "set-by" in json.dumps(route):
            yield f"route {route['metadata']['name']} has no host name"


def _workload_faults(
    workload: Manifest, names: set[tuple[str, str]], manifests: list[Manifest]
) -> Iterator[str]:
    name = workload["metadata"]["name"]
    pod = workload["spec"]["template"]["spec"]
    [container] = pod["containers"]
    if "@sha256:" not in container["image"]:
        yield f"{name} runs an image without a digest: {container['image']}"
    if ("ServiceAccount", pod["serviceAccountName"]) not in names:
        yield f"{name} has an unknown ServiceAccount"
    settings = container["envFrom"][0]["configMapRef"]["name"]
    if ("ConfigMap", settings) not in names:
        yield f"{name} has unknown settings: {settings}"
        return
    values = next(it["data"] for it in manifests if it["metadata"]["name"] == settings)
    mounts = {it["mountPath"] for it in container["volumeMounts"]}
    for variable, value in values.items():
        if variable.endswith("_FILE") and str(Path(value).parent) not in mounts:
            yield f"{name} has no mount for {variable}"
    if workload["kind"] == "Deployment" and container["args"] == ["serve"]:
        stopping = container["lifecycle"]["preStop"]["sleep"]["seconds"]
        stopping += int(values["HTTP_DRAIN_DELAY_SECONDS"]) + int(
            values["HTTP_GRACE_PERIOD_SECONDS"]
        )
        if not stopping + 5 <= pod["terminationGracePeriodSeconds"]:
            yield f"{name} is killed before its {stopping} s of stopping are over"


def _selectors(manifests: list[Manifest]) -> Iterator[tuple[dict[str, str], str]]:
    for manifest in manifests:
        owner = f"{manifest['kind']} {manifest['metadata']['name']}"
        spec = manifest.get("spec", {})
        match manifest["kind"]:
            case "Service":
                yield spec["selector"], owner
            case "PodDisruptionBudget" | "PodMonitor":
                yield spec["selector"]["matchLabels"], owner
            case "NetworkPolicy" if owner != "NetworkPolicy from-gateway-to-certificate-solver":
                yield spec["podSelector"].get("matchLabels", {}), owner
