"""What a typical client does: mostly reads, now and then a new order that is placed."""

import json
import os
from secrets import choice
from typing import Any
from uuid import uuid4

from locust import FastHttpUser, task

from tests.support.orders import order_draft

ACCOUNTS: list[dict[str, str]] = json.loads(os.environ["LOAD_ACCOUNTS"])
FIELDS = "id customerReference status currency total version lines { sku quantity unitPrice }"
CREATE = f"""
mutation ($input: CreateOrderInput!, $key: String) {{
  createOrder(input: $input, idempotencyKey: $key) {{ order {{ {FIELDS} }} }}
}}
"""
PLACE = f"mutation ($id: ID!) {{ placeOrder(id: $id) {{ order {{ {FIELDS} }} }} }}"
READ = f"query ($id: ID!) {{ order(id: $id) {{ {FIELDS} }} }}"
LIST = f"{{ orders(first: 20) {{ nodes {{ {FIELDS} }} pageInfo {{ endCursor }} }} }}"


class Client(FastHttpUser):
    """One client; it sends its next operation as soon as it has the answer."""

    def on_start(self) -> None:
        self.headers = choice(ACCOUNTS)
        self.orders: list[str] = []
        self.create()

    @task(2)
    def create(self) -> None:
        data = self._run("create an order", CREATE, input=order_draft(), key=uuid4().hex)
        if data:
            self.orders.append(data["createOrder"]["order"]["id"])

    @task(1)
    def place(self) -> None:
        if self.orders:
            self._run("place an order", PLACE, id=self.orders.pop())

    @task(10)
    def read(self) -> None:
        if self.orders:
            self._run("read an order", READ, id=self.orders[-1])

    @task(3)
    def page(self) -> None:
        self._run("list orders", LIST)

    def _run(self, name: str, query: str, **variables: Any) -> Any:
        """The data of an operation, which fails where it has errors."""
        body = {"query": query, "variables": variables}
        with self.client.post(
            "/graphql", json=body, headers=self.headers, name=name, catch_response=True
        ) as response:
            answer = response.json() if response.status_code == 200 else {"errors": []}
            if "errors" in answer:
                response.failure(str(response.text)[:200])
                return None
            return answer["data"]
