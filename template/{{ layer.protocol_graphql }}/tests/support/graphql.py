"""Operations by HTTP."""

from typing import Any

import httpx2

from tests.support.orders import order_draft

GRAPHQL = "application/graphql-response+json"
FIELDS = """
id customerReference status currency total version createdAt updatedAt
lines { sku quantity unitPrice } owner { id }
"""
CREATE = f"""
mutation Create($input: CreateOrderInput!, $key: String) {{
  createOrder(input: $input, idempotencyKey: $key) {{ replayed order {{ {FIELDS} }} }}
}}
"""
UPDATE = f"""
mutation Update($id: ID!, $version: Int!, $input: UpdateOrderInput!) {{
  updateOrder(id: $id, expectedVersion: $version, input: $input) {{ order {{ {FIELDS} }} }}
}}
"""
PLACE = f"""
mutation Place($id: ID!, $key: String) {{
  placeOrder(id: $id, idempotencyKey: $key) {{ replayed order {{ {FIELDS} }} }}
}}
"""
CANCEL = f"""
mutation Cancel($id: ID!, $version: Int) {{
  cancelOrder(id: $id, expectedVersion: $version) {{ order {{ {FIELDS} }} }}
}}
"""
GET = f"query Get($id: ID!) {{ order(id: $id) {{ {FIELDS} }} }}"


def send(
    client: httpx2.Client, query: str, headers: dict[str, str] | None = None, **variables: Any
) -> httpx2.Response:
    """The response to one operation."""
    body = {"query": query, "variables": variables}
    return client.post("/graphql", json=body, headers=headers or {})


def run(client: httpx2.Client, query: str, **variables: Any) -> Any:
    """What the first field of an operation without errors gives."""
    response = send(client, query, **variables)
    answer = response.json()
    assert "errors" not in answer, answer
    return next(iter(answer["data"].values()))


def create(client: httpx2.Client, **changes: Any) -> dict[str, Any]:
    """A new order."""
    order: dict[str, Any] = run(client, CREATE, input=order_draft(**changes))["order"]
    return order


def errors(response: httpx2.Response) -> list[dict[str, Any]]:
    """The errors of a response."""
    found: list[dict[str, Any]] = response.json().get("errors", [])
    return found


def codes(response: httpx2.Response) -> list[str]:
    """The codes of its errors."""
    return [error["extensions"]["code"] for error in errors(response)]


def fields(response: httpx2.Response) -> list[str]:
    """The fields that its only error names."""
    (error,) = errors(response)
    return [detail["field"] for detail in error["extensions"]["details"]]
