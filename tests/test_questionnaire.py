"""What is asked, what is not, what the defaults are, and how an impossible answer is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import copier
import pytest
import yaml
from copier._cli import CopierApp
from pytest_copie.plugin import Copie

from extensions.catalogue import AXES, PROFILES

ORDER = [
    *("project_name", "project_slug", "project_description", "owner", "license"),
    *("python_version", "profile", *AXES),
]


@pytest.fixture
def asked(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Answers the questions on the screen, by default with what stands there, and lists them."""

    def ask(data: dict[str, str], **typed: str) -> tuple[list[str], dict[str, str]]:
        names: list[str] = []

        def prompt(questions: list[dict[str, Any]], answers: dict[str, Any]) -> dict[str, Any]:
            (question,) = questions
            name = question["name"]
            if question["when"](answers):
                names.append(name)
                answers = {**answers, name: typed.get(name, answers[name])}
            return answers

        monkeypatch.setattr("copier._main.unsafe_prompt", prompt)
        project = tmp_path / "asked"
        copier.run_copy(str(template), project, data=data, unsafe=True, quiet=True)
        return names, yaml.safe_load((project / ".copier-answers.yml").read_text())

    return ask


def test_questions_with_one_answer_are_recorded_without_being_asked(asked: Any) -> None:
    names, answers = asked({})
    assert names == [name for name in ORDER if name != "ci"]
    assert [name for name in ORDER if name not in answers] == []


def test_a_forced_answer_is_not_asked(asked: Any) -> None:
    names, answers = asked({}, database="sqlite")
    assert "hosting" not in names
    assert answers["hosting"] == "compose"


def test_an_answer_given_for_a_later_question_forces_earlier_ones(asked: Any) -> None:
    names, answers = asked({"hosting": "kubernetes"}, profile="prototype")
    assert "cache" not in names
    assert (answers["database"], answers["cache"]) == ("postgresql", "redis")


def test_defaults_render(copie: Copie, template: Path) -> None:
    result = copie.copy(template_dir=template)
    assert result.exception is None
    assert result.answers | {"python_version": "3.11"} == {
        "project_name": "Order Service",
        "project_slug": "order-service",
        "project_description": "Takes orders and keeps track of them.",
        "owner": "acme",
        "license": "proprietary",
        "python_version": "3.11",
        "profile": "saas",
        "protocol": "rest",
        "database": "postgresql",
        "auth": "jwt",
        "queue": "redis",
        "cache": "redis",
        "hosting": "kubernetes",
        "versioning": "url",
        "ci": "github",
    }


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)
def test_a_profile_sets_defaults_and_nothing_else(
    copie: Copie, template: Path, profile: Any
) -> None:
    alone = copie.copy({"profile": profile.name}, template_dir=template)
    assert alone.answers.items() >= profile.defaults.items()
    other = {"queue": "none", "cache": "redis", "versioning": "header"}
    overruled = copie.copy({"profile": profile.name, **other}, template_dir=template)
    assert overruled.answers.items() >= other.items()


def _copy(template: Path, project: Path, *data: str) -> int:
    arguments = [part for pair in data for part in ("--data", pair)]
    command = ["copier", "copy", "--trust", "--defaults", "--quiet", *arguments]
    _, status = CopierApp.run([*command, str(template), str(project)], exit=False)
    return int(status)


def _not_offered(axis: str, value: str) -> str:
    offered = ", ".join(choice.name for choice in AXES[axis].choices)
    return f"{axis}={value} is not offered: pick one of {offered}."


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (
            ["database=sqlite", "hosting=kubernetes"],
            "database=sqlite does not go with hosting=kubernetes: a SQLite file cannot be shared "
            "by several instances, nor outlive the one it is in. "
            "Pick database=postgresql or database=mysql or database=mongodb or hosting=compose "
            "instead.",
        ),
        (
            ["cache=memory", "hosting=kubernetes"],
            "cache=memory does not go with hosting=kubernetes: several instances would each keep "
            "their own limits and token deny list. Pick cache=redis or hosting=compose instead.",
        ),
        (["database=oracle"], _not_offered("database", "oracle")),
        (["protocol=soap"], _not_offered("protocol", "soap")),
        (
            ["protocol=grpc", "versioning=header"],
            "protocol=grpc does not go with versioning=header: a header's media type is HTTP's "
            "way to name a version; of gRPC the package does. "
            "Pick protocol=rest or protocol=graphql or versioning=url instead.",
        ),
        (["queue=sqs"], _not_offered("queue", "sqs")),
        (
            ["profile=serverless"],
            "profile=serverless is not offered: "
            "pick one of saas, public_api, internal_service, prototype.",
        ),
        (["license=GPL"], "license must be one of MIT, Apache-2.0, proprietary."),
        (["python_version=3.10"], "python_version must be one of 3.11, 3.12, 3.13, 3.14."),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, list) else "",
)
def test_an_impossible_answer_ends_with_one_line(
    template: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    data: list[str],
    line: str,
) -> None:
    assert _copy(template, tmp_path / "project", *data) == 1
    assert capfd.readouterr().err.strip() == line
    assert not (tmp_path / "project").exists()
