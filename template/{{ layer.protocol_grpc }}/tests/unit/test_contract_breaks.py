"""Which changes of the contract break clients, and whether the generated code is fresh."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dev import proto
from dev.api import breaks
from dev.environment import PROJECT
from dev.processes import DevelopmentError
from tests.support.service import run_command

Contract = dict[str, Any]


@pytest.fixture(scope="module")
def contract() -> str:
    """The contract that the code has now."""
    return run_command("proto", env={"PATH": ""}).stdout


def file(contract: Contract, name: str) -> Contract:
    found: Contract = next(it for it in contract["file"] if it["name"] == name)
    return found


def message(contract: Contract, name: str) -> Contract:
    messages = file(contract, "orders/v1/orders.proto")["messageType"]
    found: Contract = next(it for it in messages if it["name"] == name)
    return found


def without_method(contract: Contract) -> None:
    (service,) = file(contract, "orders/v1/orders.proto")["service"]
    service["method"] = [it for it in service["method"] if it["name"] != "PlaceOrder"]


def without_field(contract: Contract) -> None:
    message(contract, "Order")["field"].pop()


def other_number(contract: Contract) -> None:
    message(contract, "GetOrderRequest")["field"][0]["number"] = 9


def other_type(contract: Contract) -> None:
    message(contract, "OrderLine")["field"][1]["type"] = "TYPE_STRING"


def other_name(contract: Contract) -> None:
    message(contract, "Order")["field"][2]["jsonName"] = "reference"


def without_state(contract: Contract) -> None:
    message(contract, "Order")["enumType"][0]["value"].pop()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            without_method,
            'Previously present RPC "PlaceOrder" on service "OrderService" was deleted.',
        ),
        (without_field, 'Previously present field "10" with name "update_time"'),
        (other_number, 'Previously present field "1" with name "name"'),
        (other_type, 'changed type from "int32" to "string"'),
        (other_name, 'changed option "json_name"'),
        (without_state, 'Previously present enum value "4"'),
    ],
)
def test_a_change_that_breaks_clients_is_named(
    contract: str, change: Callable[[Contract], None], told: str
) -> None:
    changed = json.loads(contract)
    change(changed)
    found = breaks(contract, json.dumps(changed))
    assert any(told in line for line in found), found
    assert not any(".json" in line for line in found)


def test_what_is_added_breaks_nobody(contract: str) -> None:
    changed = json.loads(contract)
    added = {"name": "note", "jsonName": "note", "number": 99, "type": "TYPE_STRING"}
    message(changed, "Order")["field"].append({**added, "label": "LABEL_OPTIONAL"})
    assert breaks(contract, json.dumps(changed)) == []
    assert breaks(contract, contract) == []


def test_the_contract_has_all_that_it_imports(contract: str) -> None:
    files = json.loads(contract)["file"]
    names = [it["name"] for it in files]
    assert {name for it in files for name in it.get("dependency", ())} <= set(names)
    assert len(names) == len(set(names))


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the contract and of the code made from it, to be changed."""
    for name, place in (("SOURCES", "proto"), ("PACKAGE", "src/app/proto")):
        shutil.copytree(PROJECT / place, tmp_path / place)
        monkeypatch.setattr(proto, name, tmp_path / place)
    monkeypatch.setattr(proto, "PROJECT", tmp_path)
    shutil.copy(PROJECT / "buf.yaml", tmp_path)
    return tmp_path


def changed(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


def test_code_that_is_stale_is_told_and_made_anew(
    copied: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["proto", "--check"])
    assert proto.main() == 0
    changed(copied / "proto/orders/v1/orders.proto", "string sku = 1", "string stock = 1")
    assert proto.main() == 1
    assert "run `make contract`" in capsys.readouterr().err
    monkeypatch.setattr("sys.argv", ["proto"])
    assert proto.main() == 0
    assert "stock" in (copied / "src/app/proto/orders/v1/orders_pb2.pyi").read_text()
    monkeypatch.setattr("sys.argv", ["proto", "--check"])
    assert proto.main() == 0


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("message OrderLine {", "message OrderLine  {", "format"),
        ("string sku = 1", "string Sku = 1", "should be lower_snake_case"),
        ("string sku = 1", "strin sku = 1", "does not compile"),
    ],
)
def test_style_and_lint_are_checked(copied: Path, old: str, new: str, told: str) -> None:
    source = copied / "proto/orders/v1/orders.proto"
    changed(source, old, new)
    with pytest.raises(DevelopmentError, match=told):
        written_and_checked()


def written_and_checked() -> None:
    proto.write()
    proto.check()
