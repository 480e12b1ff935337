"""The Dockerfile, the compose files, and the scripts that deploy with them."""

from __future__ import annotations

import ipaddress
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import yaml

from tests.deploy import backups, cluster, releases
from tests.deploy.programs import checker, docker_compose, kubectl
from tests.matrix.checks import FaultError, Findings, execute, tool

_LOOPBACK = re.compile(r"127\.0\.0\.1:.*")
# The gateway is what the world talks to.
_PUBLIC = {("deploy/compose.yaml", "gateway")}
# Servers for development alone, which keep the privileges that their images begin with.
_DEVELOPMENT = re.compile(r"deploy/development/.*")
_VERSION = re.compile(r".+:v?\d+\.\d+(\.\d+)?(-[a-z0-9.]+)?|\$\{[A-Z]+_IMAGE:-unreleased\}")


def check_dockerfile(project: Path, log: IO[str]) -> Findings:
    """Lint the Dockerfile; no finding is ignored."""
    execute(project, log, checker("hadolint"), "Dockerfile")
    execute(
        project,
        log,
        checker("checkov"),
        *("--file", "Dockerfile", "--framework", "dockerfile"),
        *("--compact", "--quiet", "--skip-download"),
    )
    execute(
        project,
        log,
        checker("trivy"),
        *("config", "--skip-check-update", "--exit-code", "1", "Dockerfile"),
    )
    return Findings()


def check_scripts(project: Path, log: IO[str]) -> Findings:
    """Lint every shell script of the deployment, and try those that change what is deployed."""
    scripts = []
    for path in sorted((project / "deploy").rglob("*")):
        if path.is_file() and _is_script(path):
            scripts.append(path.relative_to(project))
            runs = path.read_text(encoding="utf-8").startswith("#!")
            if runs != bool(path.stat().st_mode & stat.S_IXUSR):
                raise FaultError(f"{path.name} is executable and has no #! line, or the reverse")
    execute(project, log, tool("shellcheck"), "--external-sources", *scripts)
    if (project / "deploy" / "blue-green").exists():
        releases.on_one_machine(project, log)
        backups.check(project, log)
    elif (program := kubectl()) is not None:
        cluster.on_a_cluster(project, log, program)
    else:
        return Findings(skipped=["kubectl is missing, so no release was tried"])
    return Findings()


def _is_script(path: Path) -> bool:
    if path.suffix:
        return False
    first = path.read_text(encoding="utf-8").partition("\n")[0]
    return first.startswith("#!") or "shell=bash" in first


def check_compose(project: Path, log: IO[str]) -> Findings:
    """Validate the compose files, and hold every service to the same hardening."""
    places = ("*.yaml", "development/*.yaml", "production/*.yaml", "observability/compose.yaml")
    found = [project / "compose.yaml"]
    found += sorted(file for place in places for file in (project / "deploy").glob(place))
    execute(
        project,
        log,
        tool("check-jsonschema"),
        *("--builtin-schema", "vendor.compose-spec"),
        *found,
    )
    for file in found:
        name = file.relative_to(project).as_posix()
        document = yaml.safe_load(file.read_text(encoding="utf-8"))
        for included in document.get("include", ()):
            if not (file.parent / included).exists():
                raise FaultError(f"{name} includes {included}, which is not there")
        for service, definition in document["services"].items():
            for fault in _faults(name, service, definition, file.parent):
                raise FaultError(f"{name}: {service} {fault}")
        for fault in _taken_addresses(document):
            raise FaultError(f"{name}: {fault}")
    docker = docker_compose()
    if docker is None:
        log.write("docker compose is not here; CI on GitHub has it read the files as well\n")
        return Findings()
    execute(project, log, docker, "compose", "--profile", "observability", "config", "--quiet")
    if (project / "deploy" / "compose").exists():
        execute(project, log, "deploy/setup")
        execute(project, log, "deploy/compose", "config", "--quiet")
    return Findings()


def _faults(file: str, name: str, service: dict[str, Any], folder: Path) -> Iterator[str]:
    if "image" in service and not _VERSION.fullmatch(service["image"]):
        yield f"runs {service['image']}, which is no version"
    for port in service.get("ports", ()):
        if not _LOOPBACK.fullmatch(port) and (file, name) not in _PUBLIC:
            yield f"listens beyond the loopback interface: {port}"
    if "no-new-privileges:true" not in service.get("security_opt", ()):
        yield "may gain privileges"
    if not _DEVELOPMENT.fullmatch(file):
        if not service.get("read_only"):
            yield "has a root file system that can be written"
        if service.get("cap_drop") != ["ALL"] or "cap_add" in service:
            yield "has capabilities"
    if "privileged" in service or "docker.sock" in str(service.get("volumes")):
        yield "rules the machine"
    if file.startswith(("deploy/compose", "deploy/production")) and not (
        {"mem_limit", "cpus", "pids_limit"} <= service.keys()
    ):
        yield "may use up the machine"
    for volume in service.get("volumes", ()):
        source = volume.partition(":")[0]
        if source.startswith("./") and not (folder / source).exists():
            yield f"mounts {source}, which is not there"


def _taken_addresses(document: dict[str, Any]) -> Iterator[str]:
    """Fixed addresses that Docker may give to a container that starts earlier."""
    for service, definition in document["services"].items():
        networks = definition.get("networks", ())
        for network in networks if isinstance(networks, dict) else ():
            fixed = (networks[network] or {}).get("ipv4_address")
            if fixed is None:
                continue
            [pool] = document["networks"][network]["ipam"]["config"]
            dynamic = ipaddress.ip_network(pool.get("ip_range", pool["subnet"]))
            if ipaddress.ip_address(fixed) in dynamic:
                yield f"{service} has the address {fixed}, which another may get first"
