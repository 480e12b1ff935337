"""The questionnaire's side of the catalogue: what can be answered, given what is known so far.

Copier loads every extension file by itself, from the checkout of the version it renders: nothing
else of this folder may be imported here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

import yaml
from copier.errors import UserMessageError
from jinja2 import Environment, pass_context
from jinja2.ext import Extension
from jinja2.runtime import Context

Answers = Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Choice:
    """One value of an axis; catalogue.yml says what the fields mean."""

    name: str
    title: str
    when: str
    gains: str
    costs: str
    service: str = ""
    port: int = 0
    variables: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Axis:
    """One question with a fixed set of answers."""

    name: str
    question: str
    choices: list[Choice]
    only: Mapping[str, list[str]] = field(default_factory=dict)

    def applies(self, answers: Answers) -> bool:
        return all(answers.get(axis) in values for axis, values in self.only.items())

    def choice(self, name: str) -> Choice:
        return next(choice for choice in self.choices if choice.name == name)


@dataclass(frozen=True, kw_only=True)
class Profile:
    """A kind of service; `defaults` are those of the axes."""

    name: str
    title: str
    when: str
    defaults: Answers


@dataclass(frozen=True)
class Conflict:
    """No value of one side goes with any of the other, because of `reason`."""

    sides: Mapping[str, list[str]]
    reason: str

    def holds(self, answers: Answers) -> bool:
        return all(answers.get(axis) in values for axis, values in self.sides.items())


_DATA: Any = yaml.safe_load(Path(__file__).with_name("catalogue.yml").read_text(encoding="utf-8"))
PROFILES = [Profile(name=name, **fields) for name, fields in _DATA["profiles"].items()]
CONFLICTS = [Conflict(rule, rule.pop("because")) for rule in _DATA["conflicts"]]
AXES = {
    name: Axis(
        name=name,
        choices=[Choice(name=key, **entry) for key, entry in fields.pop("choices").items()],
        **fields,
    )
    for name, fields in _DATA["axes"].items()
}


def refusal(axis: str, value: str, answers: Answers) -> str:
    """Why `value` does not go with the other answers and what to pick instead; empty if it does."""
    picked = {**answers, axis: value}
    for conflict in CONFLICTS:
        if axis in conflict.sides and conflict.holds(picked):
            other = next(side for side in conflict.sides if side != axis)
            instead = [
                f"{side}={choice.name}"
                for side in (axis, other)
                for choice in AXES[side].choices
                if not _clash(axis, other, {**picked, side: choice.name})
            ]
            return (
                f"{axis}={value} does not go with {other}={picked[other]}: {conflict.reason}. "
                f"Pick {' or '.join(instead)} instead."
            )
    return ""


def _clash(axis: str, other: str, answers: Answers) -> bool:
    return any({axis, other} == {*rule.sides} and rule.holds(answers) for rule in CONFLICTS)


def combinations() -> Iterator[dict[str, str]]:
    """Every valid combination of answers; an axis that does not apply is left out."""
    for values in product(*(axis.choices for axis in AXES.values())):
        picked = {axis: choice.name for axis, choice in zip(AXES, values, strict=True)}
        answers = {axis: value for axis, value in picked.items() if AXES[axis].applies(picked)}
        # What does not apply counts once, not once for each of its choices.
        if any(picked[axis] != AXES[axis].choices[0].name for axis in AXES.keys() - answers.keys()):
            continue
        if not any(conflict.holds(answers) for conflict in CONFLICTS):
            yield answers


class Question:
    """What `copier.yml` needs to ask for one axis, or for the profile.

    Known are the answers to earlier questions, and those that came with `--data` for later ones.
    """

    def __init__(self, name: str, context: Context) -> None:
        names = ["profile", *AXES]
        earlier, later = names[: names.index(name)], names[names.index(name) + 1 :]
        given: Mapping[str, object] = context["_copier_conf"]["data"]
        self._name = name
        self._given = str(given[name]) if name in given else None
        self._answers = {other: str(context[other]) for other in earlier if other in context}
        self._answers |= {other: str(given[other]) for other in later if other in given}
        self._options = PROFILES if name == "profile" else AXES[name].choices

    def _refusal(self, value: str) -> str:
        return refusal(self._name, value, self._answers)

    @property
    def help(self) -> str:
        if self._name == "profile":
            return "What kind of service is it? This only sets the defaults of what follows."
        return AXES[self._name].question

    @property
    def choices(self) -> str:
        """The choices as YAML; one that does not go with an answer is shown with the reason."""
        return json.dumps(
            {
                f"{option.title}: when {option.when}": {
                    "value": option.name,
                    "validator": self._refusal(option.name),
                }
                for option in self._options
            }
        )

    @property
    def allowed(self) -> list[str]:
        return [option.name for option in self._options if not self._refusal(option.name)]

    @property
    def default(self) -> str:
        """The profile's value where it is allowed, else the first that is."""
        profile = next((p for p in PROFILES if p.name == self._answers.get("profile")), None)
        preferred = profile.defaults.get(self._name) if profile else None
        allowed = self.allowed or [option.name for option in self._options]
        return preferred if preferred in allowed else allowed[0]

    @property
    def applies(self) -> bool:
        return self._name == "profile" or AXES[self._name].applies(self._answers)

    @property
    def ask(self) -> bool:
        """Whether there is anything to choose.

        Raises `UserMessageError` for an impossible `--data` value: Copier prints that as one line,
        where its own check of a value ends in a traceback.
        """
        if self._given is not None and self.applies:
            offered = [option.name for option in self._options]
            if self._given not in offered:
                raise UserMessageError(
                    f"{self._name}={self._given} is not offered: pick one of {', '.join(offered)}."
                )
            if fault := self._refusal(self._given):
                raise UserMessageError(fault)
        return len(self.allowed) > 1


def chosen(context: Context) -> list[tuple[Axis, Choice]]:
    """The axes that apply to a project, each with the choice made: for documents."""
    answers = {axis: str(context[axis]) for axis in AXES}
    return [
        (axis, axis.choice(answers[axis.name])) for axis in AXES.values() if axis.applies(answers)
    ]


class Catalogue(Extension):
    """Gives the questionnaire `question(name)`, and documents `chosen()`."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        environment.globals["question"] = pass_context(
            lambda context, name: Question(name, context)
        )
        environment.globals["chosen"] = pass_context(chosen)
