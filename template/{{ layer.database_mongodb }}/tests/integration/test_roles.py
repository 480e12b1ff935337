"""The role for serving, by which the database itself keeps the audit trail append-only."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from pymongo import MongoClient
from pymongo.database import Database as Found
from pymongo.errors import OperationFailure
from typer.testing import CliRunner

from app.cli import cli
from tests.support.accounts import sign_in
from tests.support.probe import place_order
from tests.support.service import running_service

PASSWORD = "hunter2"


@pytest.fixture
def found(own_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Found[dict[str, Any]]]:
    monkeypatch.setenv("DATABASE_URL", own_url)
    with MongoClient[dict[str, Any]](own_url) as client:
        yield client.get_default_database()


def make_role(found: Found[dict[str, Any]]) -> dict[str, set[str]]:
    """Run the command; the actions of the role by collection."""
    done = CliRunner().invoke(cli, ["migrate", "upgrade", "--role", "serving"])
    assert done.exit_code == 0, done.output
    (role,) = found.command("rolesInfo", "serving", showPrivileges=True)["roles"]
    assert not role["roles"]
    assert {it["resource"]["db"] for it in role["privileges"]} == {found.name}
    return {it["resource"]["collection"]: set(it["actions"]) for it in role["privileges"]}


def add_user(found: Found[dict[str, Any]], url: str, name: str, role: str) -> str:
    """Make an account; the URL for it."""
    found.command("createUser", name, pwd=PASSWORD, roles=[role])
    hosts = urlsplit(url).netloc.rpartition("@")[2]
    return urlsplit(url)._replace(netloc=f"{name}:{PASSWORD}@{hosts}").geturl()


def test_the_role_may_add_audit_events_and_neither_change_nor_delete_them(
    found: Found[dict[str, Any]],
) -> None:
    allowed = make_role(found)
    assert allowed["audit_events"] == {"find", "insert"}
    assert allowed["orders"] == {"find", "insert", "remove", "update"}
    assert allowed["migrations"] == {"find"}
    assert not {"migration_lock", ""} & set(allowed)


def test_the_role_is_renewed_with_collections_that_came_later(
    found: Found[dict[str, Any]],
) -> None:
    assert "customers" not in make_role(found)
    found.create_collection("customers")
    assert "customers" in make_role(found)


@pytest.mark.usefixtures("found")
def test_a_role_that_the_server_refuses_is_told_in_a_line() -> None:
    # No server lets its own roles be changed, as MongoDB Atlas does not any.
    done = CliRunner().invoke(cli, ["migrate", "upgrade", "--role", "readWrite"])
    assert done.exit_code == 1
    assert "error: The server refuses to renew the role readWrite: " in done.stderr


def test_the_service_serves_with_the_role(
    own_url: str, found: Found[dict[str, Any]], environment: dict[str, str], scratch: Path
) -> None:
    make_role(found)
    url = add_user(found, own_url, "service", "serving")
    with running_service({**environment, "DATABASE_URL": url}, scratch) as service:
        place_order(service, sign_in(service))
    assert found["orders"].count_documents({}) == 1


def test_a_server_that_asks_who_somebody_is_refuses_by_it(
    own_url: str, found: Found[dict[str, Any]]
) -> None:
    """Where the server knows privileges of single collections, and whom it talks to."""
    found.command(
        "createRole",
        "reader",
        privileges=[{"resource": {"db": found.name, "collection": "orders"}, "actions": ["find"]}],
        roles=[],
    )
    as_reader = add_user(found, own_url, "reader", "reader")
    make_role(found)
    as_service = add_user(found, own_url, "service", "serving")
    with (
        MongoClient[dict[str, Any]](as_reader) as reader,
        MongoClient[dict[str, Any]](as_service) as service,
    ):
        events = service.get_default_database()["audit_events"]
        try:
            reader.get_default_database()["orders"].delete_many({})
        except OperationFailure:
            for refused in (
                lambda: events.update_many({}, {"$set": {"actor": ""}}),
                lambda: events.delete_many({}),
                events.drop,
            ):
                with pytest.raises(OperationFailure, match="not authorized"):
                    refused()
        assert events.count_documents({}) == 0
