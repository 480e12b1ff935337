"""Alert rules and dashboards: they parse, they work, and they ask for metrics that exist."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import promql_parser
import yaml

from tests.deploy.programs import promtool
from tests.matrix.checks import FaultError, Findings, execute

# From Prometheus itself, and from its client library.
_ALWAYS = re.compile(r"up|ALERTS|process_\w+")
# What a module of `app.auth` counts, which is up to how callers authenticate.
_EVENT = re.compile(r'auth_events\.labels\("(\w+)"')
_SUFFIXES = {"Counter": ("_total",), "Gauge": ("",), "Histogram": ("_bucket", "_count", "_sum")}


def check(project: Path, log: IO[str]) -> Findings:
    """Run promtool on the rules, and parse every query of rules and dashboards."""
    folder = project / "deploy" / "observability"
    rules = sorted((folder / "rules").glob("*.yaml"))
    tests = sorted((folder / "rules" / "tests").glob("*.yaml"))
    execute(project, log, promtool(), "check", "rules", *rules)
    execute(project, log, promtool(), "test", "rules", *tests)
    _check_configuration(project, log)

    modules = (project / "src" / "app").rglob("metrics.py")
    known = {name for module in modules for name in _metrics(module)}
    auth = (project / "src" / "app" / "auth").glob("*.py")
    counted = {event for file in auth for event in _EVENT.findall(file.read_text(encoding="utf-8"))}
    alerts: set[str] = set()
    queries: list[tuple[str, str]] = []
    for file in rules:
        for rule in _rules(file):
            queries.append((file.name, rule["expr"]))
            if "record" in rule:
                known.add(rule["record"])
            else:
                alerts.add(rule["alert"])
                _check_entry(project, rule)
    tested = {
        test["alertname"]
        for file in tests
        for group in yaml.safe_load(file.read_text(encoding="utf-8"))["tests"]
        for test in group["alert_rule_test"]
        if test["exp_alerts"]
    }
    if untested := alerts - tested:
        raise FaultError(f"no test has these alerts fire: {sorted(untested)}")
    queries += _dashboard_queries(folder / "grafana" / "dashboards")
    for name, query in queries:
        if unknown := _asked(query) - known:
            raise FaultError(f"{name} asks for metrics that nobody has: {sorted(unknown)}")
        if unknown := _events(query) - counted:
            raise FaultError(f"{name} asks for events that nobody counts: {sorted(unknown)}")
    log.write(f"{len(alerts)} alerts, {len(queries)} queries, {len(known)} metrics\n")
    return Findings()


def _rules(file: Path) -> Iterator[dict[str, Any]]:
    for group in yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]:
        yield from group["rules"]


def _check_configuration(project: Path, log: IO[str]) -> None:
    """As Prometheus reads it, but for the place of the rules."""
    folder = project / "deploy" / "observability"
    text = (folder / "prometheus.yaml").read_text(encoding="utf-8")
    here = folder / "prometheus-here.yaml"
    here.write_text(text.replace("/etc/prometheus/rules", str(folder / "rules")), encoding="utf-8")
    execute(project, log, promtool(), "check", "config", here)


def _check_entry(project: Path, rule: dict[str, Any]) -> None:
    """The alert's entry in the runbook: a heading with its name, where the annotation says."""
    name, _, anchor = rule["annotations"]["runbook"].partition("#")
    page = project / name
    if anchor != rule["alert"].lower() or not page.exists():
        raise FaultError(f"{rule['alert']} names no page of the runbook: {name}#{anchor}")
    if f"\n## {rule['alert']}\n" not in page.read_text(encoding="utf-8"):
        raise FaultError(f"{name} has no entry for {rule['alert']}")


def _metrics(file: Path) -> Iterator[str]:
    """The names that the service exposes, read from a module that makes some of them."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            name = node.args[0] if node.args else None
            if isinstance(name, ast.Constant) and isinstance(name.value, str):
                yield from (name.value + suffix for suffix in _SUFFIXES.get(node.func.id, ()))


def _dashboard_queries(folder: Path) -> list[tuple[str, str]]:
    """Every Prometheus query; raises `FaultError` where dashboards or panels share id or place."""
    queries = []
    ids = []
    for file in sorted(folder.glob("*.json")):
        dashboard = json.loads(file.read_text(encoding="utf-8"))
        ids.append(dashboard["uid"])
        panels = dashboard["panels"]
        if len({panel["id"] for panel in panels}) < len(panels):
            raise FaultError(f"{file.name} has two panels with one id")
        if shared := _shared_places(panels):
            raise FaultError(f"{file.name} has panels on top of each other: {shared}")
        for panel in panels:
            for target in panel["targets"]:
                if target["datasource"]["type"] == "prometheus":
                    queries.append((file.name, target["expr"].replace("$__rate_interval", "1m")))
    if not ids or len(set(ids)) < len(ids):
        raise FaultError("dashboards are missing or share a uid")
    return queries


def _shared_places(panels: list[dict[str, Any]]) -> list[str]:
    """The panels that lie on another one, or reach beyond the 24 columns of the grid."""
    taken: set[tuple[int, int]] = set()
    shared = []
    for panel in panels:
        at = panel["gridPos"]
        columns, rows = range(at["x"], at["x"] + at["w"]), range(at["y"], at["y"] + at["h"])
        places = {(x, y) for x in columns for y in rows}
        if places & taken or columns.stop > 24:
            shared.append(panel["title"])
        taken |= places
    return shared


def _asked(query: str) -> set[str]:
    """The metrics of a query that Prometheus does not have by itself; raises ValueError."""
    names = {selector.name for selector in _selectors(query) if selector.name}
    return {name for name in names if not _ALWAYS.fullmatch(name)}


def _events(query: str) -> set[str]:
    """The events of authentication that a query picks or leaves out by name."""
    return {
        matcher.value
        for selector in _selectors(query)
        if selector.name == "auth_events_total"
        for matcher in selector.matchers.matchers
        if matcher.name == "event"
    }


def _selectors(query: str) -> Iterator[promql_parser.VectorSelector]:
    left = [promql_parser.parse(query)]
    while left:
        node = left.pop()
        selector = getattr(node, "vector_selector", node)
        if isinstance(selector, promql_parser.VectorSelector):
            yield selector
        for attribute in ("expr", "lhs", "rhs", "param", "args"):
            child = getattr(node, attribute, None)
            left += child if isinstance(child, list) else [child] if child is not None else []
