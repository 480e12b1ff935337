"""Which combinations are valid, said a second time and apart from the catalogue."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

import pytest

from extensions.catalogue import AXES, CONFLICTS, PROFILES, combinations, refusal

# Every value of the design, offered yet or not.
DESIGN = {
    "protocol": ("rest", "graphql", "grpc"),
    "database": ("postgresql", "mysql", "sqlite", "mongodb"),
    "auth": ("jwt", "session", "api_key", "oidc"),
    "queue": ("redis", "none", "rabbitmq", "nats", "sqs", "postgresql"),
    "cache": ("redis", "memory"),
    "hosting": ("kubernetes", "ecs", "fly", "lambda", "compose"),
    "versioning": ("url", "header"),
    "ci": ("github", "gitlab"),
}
OFFERED = {
    "protocol": ["rest", "graphql", "grpc"],
    "database": ["postgresql", "mysql", "sqlite", "mongodb"],
    "auth": ["jwt", "session", "api_key", "oidc"],
    "queue": ["redis", "none"],
    "cache": ["redis", "memory"],
    "hosting": ["kubernetes", "compose"],
    "versioning": ["url", "header"],
    "ci": ["github"],
}


def valid(answers: Mapping[str, str]) -> bool:
    """The rules as a person would say them."""
    hosting, queue = answers["hosting"], answers["queue"]
    if answers["protocol"] == "grpc" and (
        answers["auth"] == "session" or hosting == "lambda" or answers["versioning"] == "header"
    ):
        return False
    if hosting in ("kubernetes", "ecs") and (
        answers["database"] == "sqlite" or answers["cache"] == "memory"
    ):
        return False
    if hosting == "lambda":
        if answers["database"] == "sqlite" or answers["cache"] == "memory":
            return False
        if queue not in ("sqs", "none"):
            return False
    return queue != "postgresql" or answers["database"] == "postgresql"


def test_the_choices_offered_are_those_that_are_built() -> None:
    offered = {name: [choice.name for choice in axis.choices] for name, axis in AXES.items()}
    assert offered == OFFERED, "extensions/catalogue.yml and OFFERED here"


def test_valid_combinations_of_the_offered_choices_agree_with_the_oracle() -> None:
    expected = set()
    for values in product(*OFFERED.values()):
        answers = dict(zip(OFFERED, values, strict=True))
        if valid(answers):
            if answers["protocol"] != "rest":
                # There is nothing to choose.
                del answers["versioning"]
            expected.add(str(answers))
    listed = list(map(str, combinations()))
    found = set(listed)
    assert len(listed) == len(found)
    assert found - expected == set(), "the catalogue permits what `valid` here does not"
    assert expected - found == set(), "`valid` here permits what the catalogue does not"


def test_the_rules_agree_with_the_oracle_on_every_value_of_the_design() -> None:
    for values in product(*DESIGN.values()):
        answers = dict(zip(DESIGN, values, strict=True))
        assert valid(answers) == (not any(rule.holds(answers) for rule in CONFLICTS)), answers


def test_rules_name_values_of_the_design_only() -> None:
    for conflict in CONFLICTS:
        assert len(conflict.sides) == 2
        for axis, values in conflict.sides.items():
            assert set(values) <= set(DESIGN[axis])


@pytest.mark.parametrize(
    ("axis", "value", "answers", "told"),
    [
        ("hosting", "kubernetes", {"database": "sqlite"}, "database=sqlite"),
        ("database", "sqlite", {"hosting": "kubernetes"}, "hosting=kubernetes"),
        ("cache", "memory", {"hosting": "kubernetes"}, "hosting=kubernetes"),
        ("protocol", "grpc", {"versioning": "header"}, "versioning=header"),
    ],
)
def test_a_refusal_names_both_sides_the_reason_and_what_to_pick(
    axis: str, value: str, answers: dict[str, str], told: str
) -> None:
    message = refusal(axis, value, answers)
    assert message.startswith(f"{axis}={value} does not go with {told}: ")
    instead = message.rpartition("Pick ")[2].removesuffix(" instead.").split(" or ")
    assert instead
    for suggestion in instead:
        changed, _, to = suggestion.partition("=")
        picked = {**answers, axis: value, changed: to}
        assert not refusal(axis, picked[axis], picked)


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)
def test_defaults_of_a_profile_go_together(profile: object) -> None:
    defaults = getattr(profile, "defaults")  # noqa: B009
    assert any(defaults.items() <= answers.items() for answers in combinations())
