"""Which folders of `template/` a project gets, and which requirements come with them.

A layer is the folder `template/{{ layer.<name> }}`: its name renders to `.`, so that its files
land in the root of the project, where its condition holds, and to nothing where it does not.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from copier_template_extensions import ContextHook

Answers = Mapping[str, str]
Condition = Callable[[Answers], bool]


def _http(answers: Answers) -> bool:
    return answers["protocol"] in {"rest", "graphql"}


def _sql(answers: Answers) -> bool:
    return answers["database"] in {"postgresql", "mysql", "sqlite"}


def _mongodb(answers: Answers) -> bool:
    return answers["database"] == "mongodb"


def _accounts(answers: Answers) -> bool:
    return answers["auth"] in {"jwt", "session"}


def _watched(answers: Answers) -> bool:
    return answers["protocol"] in {"graphql", "grpc"}


def _broker(answers: Answers) -> bool:
    return answers["queue"] != "none"


def _is(axis: str, value: str) -> Condition:
    return lambda answers: answers[axis] == value


def _both(one: Condition, other: Condition) -> Condition:
    return lambda answers: one(answers) and other(answers)


LAYERS: dict[str, Condition] = {
    "base": lambda answers: True,
    "http": _http,
    "protocol_rest": _is("protocol", "rest"),
    "protocol_grpc": _is("protocol", "grpc"),
    "protocol_graphql": _is("protocol", "graphql"),
    "versioning_url": _both(_is("protocol", "rest"), _is("versioning", "url")),
    "versioning_header": _both(_is("protocol", "rest"), _is("versioning", "header")),
    "order_watch": _watched,
    "order_watch_sql": _both(_watched, _sql),
    "order_watch_mongodb": _both(_watched, _mongodb),
    "database_sql": _sql,
    "sql_returning": lambda answers: answers["database"] in {"postgresql", "sqlite"},
    "sql_server": lambda answers: answers["database"] in {"postgresql", "mysql"},
    "database_postgresql": _is("database", "postgresql"),
    "database_mysql": _is("database", "mysql"),
    "database_sqlite": _is("database", "sqlite"),
    "database_mongodb": _mongodb,
    "auth_attempts": lambda answers: answers["auth"] in {"jwt", "session", "api_key"},
    "auth_accounts": _accounts,
    "auth_accounts_sql": _both(_accounts, _sql),
    "auth_accounts_mongodb": _both(_accounts, _mongodb),
    "auth_jwt": _is("auth", "jwt"),
    "auth_jwt_http": _both(_is("auth", "jwt"), _http),
    "auth_jwt_grpc": _both(_is("auth", "jwt"), _is("protocol", "grpc")),
    "auth_jwt_sql": _both(_is("auth", "jwt"), _sql),
    "auth_jwt_mongodb": _both(_is("auth", "jwt"), _mongodb),
    "auth_session": _is("auth", "session"),
    "auth_session_sql": _both(_is("auth", "session"), _sql),
    "auth_session_mongodb": _both(_is("auth", "session"), _mongodb),
    "auth_oidc": _is("auth", "oidc"),
    "auth_api_key": _is("auth", "api_key"),
    "auth_api_key_http": _both(_is("auth", "api_key"), _http),
    "auth_api_key_grpc": _both(_is("auth", "api_key"), _is("protocol", "grpc")),
    "auth_api_key_sql": _both(_is("auth", "api_key"), _sql),
    "auth_api_key_mongodb": _both(_is("auth", "api_key"), _mongodb),
    "queue_broker": _broker,
    "queue_broker_sql": _both(_broker, _sql),
    "queue_broker_mongodb": _both(_broker, _mongodb),
    "queue_none": _is("queue", "none"),
    "queue_redis": _is("queue", "redis"),
    "cache_redis": _is("cache", "redis"),
    "cache_memory": _is("cache", "memory"),
    "valkey": lambda answers: "redis" in {answers["cache"], answers["queue"]},
    "hosting_kubernetes": _is("hosting", "kubernetes"),
    "hosting_compose": _is("hosting", "compose"),
    "ci_github": _is("ci", "github"),
}

_ASKED = ("protocol", "database", "auth", "queue", "cache", "hosting", "versioning", "ci")


def active_layers(answers: Answers) -> list[str]:
    return [name for name, condition in LAYERS.items() if condition(answers)]


@lru_cache
def dependency_groups() -> dict[str, list[str]]:
    """The requirement strings of the template's own `pyproject.toml`, the only place they stand."""
    path = Path(__file__).parents[1] / "pyproject.toml"
    groups: dict[str, list[str]] = tomllib.loads(path.read_text(encoding="utf-8"))[
        "dependency-groups"
    ]
    return groups


def requirements(layers: list[str], suffix: str = "") -> list[str]:
    """What the active layers need, sorted; with the suffix `_dev`, their tools."""
    groups = dependency_groups()
    found = {requirement for name in layers for requirement in groups.get(name + suffix, ())}
    return sorted(found, key=str.lower)


class Layers(ContextHook):
    """Adds `layer`, `requirements` and `dev_requirements` once every option is known."""

    def hook(self, context: dict[str, Any]) -> None:
        if all(axis in context for axis in _ASKED):
            context.update(_added(*(context[axis] for axis in _ASKED)))


@lru_cache
def _added(*answers: str) -> dict[str, Any]:
    """What the hook adds; it is called for each of some 6,000 strings that Copier renders."""
    active = active_layers(dict(zip(_ASKED, answers, strict=True)))
    return {
        "layer": {name: "." if name in active else "" for name in LAYERS},
        "requirements": requirements(active),
        "dev_requirements": requirements(active, "_dev"),
    }
