"""A package is imported where an option brings it, and its driver is known to what keeps watch.

All of it follows from the dependency groups of the layers, so that a new driver is covered too.
"""

from __future__ import annotations

import re
import runpy
import tomllib

from extensions.catalogue import AXES
from extensions.layers import active_layers, dependency_groups, requirements
from tests.conftest import Rendered
from tests.support.snapshot import ROOT

# What is imported of packages that call it otherwise.
_MODULES = {
    "argon2-cffi": "argon2",
    "googleapis-common-protos": "google.rpc",
    "graphql-core": "graphql",
    "grpcio": "grpc",
    "grpcio-health-checking": "grpc_health",
    "grpcio-reflection": "grpc_reflection",
    "grpcio-status": "grpc_status",
    "opentelemetry-api": "opentelemetry",
    "opentelemetry-exporter-otlp-proto-http": "opentelemetry.exporter",
    "opentelemetry-sdk": "opentelemetry.sdk",
    "protobuf": "google.protobuf",
    "strawberry-graphql": "strawberry",
}
# Parsers that redis-py finds by itself.
_NEVER_IMPORTED = {"hiredis"}
_BASE = ROOT / "template" / "{{ layer.base }}"


def _modules(packages: list[str]) -> set[str]:
    """The modules that requirement strings bring."""
    names = {re.split(r"[\[<>=]", package, maxsplit=1)[0] for package in packages}
    return {_MODULES.get(name, name.replace("-", "_")) for name in names - _NEVER_IMPORTED}


def _drivers() -> set[str]:
    """The modules of what a choice brings to speak to its server."""
    groups = dependency_groups()
    return {
        module
        for axis in ("database", "queue", "cache")
        for choice in AXES[axis].choices
        for module in _modules(groups.get(f"{axis}_{choice.name}", []))
    }


def test_packages_are_imported_where_they_are_required_and_nowhere_else(rendered: Rendered) -> None:
    source = "\n".join(
        path.read_text(encoding="utf-8")
        for name, path in rendered.files()
        if name.endswith(".py") and name.startswith(("src/", "migrations/"))
    )

    def imported(module: str) -> bool:
        parent, _, name = module.rpartition(".")
        parts = [rf"^\s*(from|import) {re.escape(module)}\b", rf"\+{re.escape(module)}:"]
        parts += [rf"^\s*from {re.escape(parent)} import .*\b{name}\b"] if parent else []
        return bool(re.search("|".join(parts), source, re.MULTILINE))

    every = _modules(
        [
            requirement
            for name, group in dependency_groups().items()
            if name != "dev" and not name.endswith("_dev")
            for requirement in group
        ]
    )
    required = _modules(requirements(active_layers(rendered.answers)))
    found = {module for module in every if imported(module)}
    assert found - required == set(), "imported, though no active layer requires it"
    hint = "required and not imported: has it another name, which _MODULES here has to say?"
    assert required - found == set(), hint


def test_every_driver_is_kept_out_of_what_a_feature_decides() -> None:
    """The list of import-linter in the template's `pyproject.toml.jinja`."""
    path = _BASE / "pyproject.toml.jinja"
    (contract,) = re.findall(
        r'"What a feature decides .*?^forbidden_modules = (\[.*?^\])',
        path.read_text(encoding="utf-8"),
        re.MULTILINE | re.DOTALL,
    )
    listed = set(tomllib.loads(f"modules = {contract}")["modules"])
    assert _drivers() - listed == set(), f"add it to forbidden_modules in {path.relative_to(ROOT)}"


def test_every_driver_is_looked_for_in_what_production_tells() -> None:
    path = _BASE / "tests" / "support" / "production.py"
    revealing = runpy.run_path(str(path))["REVEALING"]
    missed = {driver for driver in _drivers() if not revealing.search(driver)}
    assert missed == set(), f"add it to REVEALING in {path.relative_to(ROOT)}"
