"""`python -m tools.options`: write the tables of docs/options.md from the catalogue."""

from __future__ import annotations

from collections.abc import Iterator

from extensions.catalogue import AXES, CONFLICTS, PROFILES, Axis, Choice
from tests.support.snapshot import ROOT

PATH = ROOT / "docs" / "options.md"
MARK = "<!-- From extensions/catalogue.yml by `make docs`; do not edit below. -->\n"


def tables() -> str:
    return "\n".join([*_profiles(), *(line for axis in AXES.values() for line in _axis(axis))])


def rules() -> Iterator[str]:
    """The conflicts between choices that are offered, one line each."""
    offered = {name: {choice.name for choice in axis.choices} for name, axis in AXES.items()}
    for conflict in CONFLICTS:
        sides = [
            f"`{axis}={value}`"
            for axis, values in conflict.sides.items()
            if (value := " or ".join(v for v in values if v in offered[axis]))
        ]
        if len(sides) == len(conflict.sides):
            yield f"- {' with '.join(sides)}: {conflict.reason}."


def _profiles() -> Iterator[str]:
    yield "## `profile`: what kind of service is it?\n"
    yield "Only sets the defaults of the other questions.\n"
    names = [name for name, axis in AXES.items() if len(axis.choices) > 1]
    yield _row("Profile", "Pick it when", *(f"`{name}`" for name in names))
    yield _row(*["---"] * (2 + len(names)))
    for profile in PROFILES:
        defaults = (profile.defaults.get(name, AXES[name].choices[0].name) for name in names)
        yield _row(f"**{profile.title}** `{profile.name}`", profile.when, *defaults)
    yield ""


def _axis(axis: Axis) -> Iterator[str]:
    yield f"## `{axis.name}`: {axis.question[0].lower()}{axis.question[1:]}\n"
    for other, values in axis.only.items():
        yield f"Asked where `{other}` is {' or '.join(values)}.\n"
    yield _row("Choice", "Pick it when", "It gains", "It costs", "It runs with")
    yield _row(*["---"] * 5)
    for choice in axis.choices:
        name = f"**{choice.title}** `{choice.name}`"
        yield _row(name, choice.when, choice.gains, choice.costs, _runs_with(choice))
    yield ""


def _runs_with(choice: Choice) -> str:
    server = f"{choice.service}, port {choice.port}" if choice.service else ""
    variables = ", ".join(f"`{name}`" for name in choice.variables)
    return "; ".join(filter(None, [server, variables])) or "nothing more"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cell.replace('<slug>', '&lt;slug&gt;') for cell in cells)} |"


def page(current: str) -> str:
    """The page with its tables as the catalogue has them now."""
    written, _, _ = current.partition(MARK)
    conflicts = "## What does not go together\n\n" + "\n".join(rules())
    return f"{written}{MARK}\n{conflicts}\n\n{tables()}".rstrip() + "\n"


if __name__ == "__main__":
    PATH.write_text(page(PATH.read_text(encoding="utf-8")), encoding="utf-8")
