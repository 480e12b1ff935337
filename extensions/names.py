"""Answers in the user's own words: their defaults, and what makes them unusable.

The files of a project put these texts between double quotes in YAML, TOML, JSON, Python and shell,
so what could end or interpret such a string is refused here instead of escaped in each place.
"""

from __future__ import annotations

import json
import keyword
import re
import sys
import tomllib
import unicodedata
from collections.abc import Callable, Mapping
from pathlib import Path

from copier.errors import UserMessageError
from jinja2 import Environment, pass_context
from jinja2.ext import Extension
from jinja2.runtime import Context

LICENSES = ("MIT", "Apache-2.0", "proprietary")
PYTHON_VERSIONS = ("3.11", "3.12", "3.13", "3.14")
# Kubernetes appends suffixes to it and allows 63 characters in all.
SLUG_LENGTH = 40
_UNSAFE = '"\\`${}<>'


def _text_fault(value: str, longest: int) -> str:
    if not value or value != value.strip():
        return "must not be empty, nor begin or end with a space."
    if len(value) > longest:
        return f"must have at most {longest} characters, not {len(value)}."
    if not value.isprintable():
        return "must be one line of printable characters."
    if found := [character for character in _UNSAFE if character in value]:
        return f"must not contain {' '.join(found)}"
    return ""


def project_name_fault(value: str) -> str:
    return _text_fault(value, 80)


def project_description_fault(value: str) -> str:
    return _text_fault(value, 200)


def project_slug_fault(value: str) -> str:
    if len(value) > SLUG_LENGTH:
        return f"must have at most {SLUG_LENGTH} characters, not {len(value)}."
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", value):
        return "must be words of a-z and 0-9 joined by single hyphens, beginning with a letter."
    if value in _reserved():
        return "is a reserved word or the name of a package the project depends on."
    return ""


def owner_fault(value: str) -> str:
    if re.fullmatch(r"[A-Za-z0-9]+(-[A-Za-z0-9]+)*", value) and len(value) <= 39:
        return ""
    return "must be an account or organisation: at most 39 letters, digits and single hyphens."


def license_fault(value: str) -> str:
    return "" if value in LICENSES else f"must be one of {', '.join(LICENSES)}."


def python_version_fault(value: str) -> str:
    return "" if value in PYTHON_VERSIONS else f"must be one of {', '.join(PYTHON_VERSIONS)}."


FAULTS: Mapping[str, Callable[[str], str]] = {
    "project_name": project_name_fault,
    "project_slug": project_slug_fault,
    "project_description": project_description_fault,
    "owner": owner_fault,
    "license": license_fault,
    "python_version": python_version_fault,
}


def _reserved() -> set[str]:
    """Python's own words, and what the project depends on: a distribution cannot require itself."""
    path = Path(__file__).parents[1] / "pyproject.toml"
    groups = tomllib.loads(path.read_text(encoding="utf-8"))["dependency-groups"]
    required = {
        re.split(r"[\s\[<>=!~;]", requirement, maxsplit=1)[0].lower().replace("_", "-")
        for group in groups.values()
        for requirement in group
        if isinstance(requirement, str)
    }
    return required | {word.lower() for word in keyword.kwlist} | set(keyword.softkwlist)


def slug(name: str) -> str:
    """A usable slug for any project name."""
    ascii_only = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    words = re.findall(r"[a-z0-9]+", ascii_only)
    if not words or not words[0][0].isalpha():
        words.insert(0, "service")
    found = "-".join(words)[: SLUG_LENGTH - len("-service")].strip("-")
    return f"{found}-service" if found in _reserved() else found


def running_python() -> str:
    """The Python that runs Copier, as far as it is offered: a project then runs here at once."""
    running = f"{sys.version_info.major}.{sys.version_info.minor}"
    return running if running in PYTHON_VERSIONS else PYTHON_VERSIONS[-1]


def usable(context: Context, name: str) -> bool:
    """True, unless `--data` holds an answer to `name` that cannot be used.

    Raises `UserMessageError` then: Copier prints that as one line, where a validator's message
    about a `--data` value ends in a traceback.
    """
    given = context["_copier_conf"]["data"]
    if name in given and (fault := FAULTS[name](str(given[name]))):
        raise UserMessageError(f"{name} {fault}")
    return True


class Names(Extension):
    """Gives the questionnaire `usable(name)`, `fault(name, value)`, `slug`, and the choices."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        environment.globals.update(
            usable=pass_context(usable),
            fault=lambda name, value: FAULTS[name](value),
            licenses=json.dumps(LICENSES),
            python_versions=json.dumps(PYTHON_VERSIONS),
            running_python=running_python,
        )
        environment.filters["slug"] = slug
