"""Which changes to the OpenAPI document break a client of the released one."""

import json
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from dev.api import breaks

Document = dict[str, Any]

JSON = "application/json"
RELEASED: Document = {
    "paths": {
        "/orders": {
            "post": {
                "parameters": [
                    {"in": "query", "name": "dry_run", "schema": {"type": "boolean"}},
                ],
                "requestBody": {
                    "required": True,
                    "content": {JSON: {"schema": {"$ref": "#/components/schemas/Draft"}}},
                },
                "responses": {
                    "201": {"content": {JSON: {"schema": {"$ref": "#/components/schemas/Order"}}}},
                    "404": {"description": "Not found"},
                },
            },
            "get": {"responses": {"200": {"description": "All"}}},
        }
    },
    "components": {
        "schemas": {
            "Draft": {
                "type": "object",
                "required": ["sku"],
                "properties": {
                    "sku": {"type": "string"},
                    "currency": {"type": "string", "enum": ["EUR", "USD"]},
                },
            },
            "Order": {
                "type": "object",
                "required": ["id"],
                "properties": {
                    "id": {"type": "string"},
                    "parts": {"type": "array", "items": {"$ref": "#/components/schemas/Order"}},
                },
            },
        }
    },
}


def operation(document: Document) -> Document:
    found: Document = document["paths"]["/orders"]["post"]
    return found


def schema(document: Document, name: str) -> Document:
    found: Document = document["components"]["schemas"][name]
    return found


def found(change: Callable[[Document], object]) -> list[str]:
    current = deepcopy(RELEASED)
    change(current)
    return breaks(json.dumps(RELEASED), json.dumps(current))


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d["paths"].update({"/other": {"get": {"responses": {}}}}),
        lambda d: operation(d)["responses"].pop("404"),
        lambda d: operation(d)["parameters"].append({"in": "query", "name": "new"}),
        lambda d: schema(d, "Draft")["properties"].update(note={"type": "string"}),
        lambda d: schema(d, "Draft")["required"].clear(),
        lambda d: schema(d, "Draft")["properties"]["currency"]["enum"].append("GBP"),
        lambda d: schema(d, "Order")["properties"].update(total={"type": "string"}),
        lambda d: schema(d, "Order")["required"].append("parts"),
    ],
    ids=[
        "new path",
        "fewer errors",
        "new optional parameter",
        "new optional field",
        "field no longer needed",
        "new value taken",
        "more in the answer",
        "more promised in the answer",
    ],
)
def test_an_addition_breaks_nobody(change: Callable[[Document], object]) -> None:
    assert found(change) == []


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda d: d["paths"].clear(), "POST /orders: removed"),
        (lambda d: d["paths"]["/orders"].pop("get"), "GET /orders: removed"),
        (
            lambda d: operation(d)["parameters"][0].update(required=True),
            "POST /orders: parameter query dry_run is required",
        ),
        (lambda d: operation(d)["responses"].pop("201"), "POST /orders: answers no 201"),
        (
            lambda d: operation(d)["requestBody"].update(content={}),
            f"POST /orders: request: no {JSON}",
        ),
        (
            lambda d: schema(d, "Draft")["required"].append("currency"),
            "POST /orders: request: needs currency",
        ),
        (
            lambda d: schema(d, "Draft")["properties"].pop("currency"),
            "POST /orders: request: no currency",
        ),
        (
            lambda d: schema(d, "Draft")["properties"]["currency"]["enum"].remove("USD"),
            "POST /orders: request.currency: no longer takes USD",
        ),
        (
            lambda d: schema(d, "Order")["properties"]["id"].update(type="integer"),
            "POST /orders: response 201.id: type string is now integer",
        ),
        (
            lambda d: schema(d, "Order")["required"].clear(),
            "POST /orders: response 201: may lack id",
        ),
        (
            lambda d: schema(d, "Order")["properties"].pop("parts"),
            "POST /orders: response 201: no parts",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_break_is_named(change: Callable[[Document], object], line: str) -> None:
    assert line in found(change)
