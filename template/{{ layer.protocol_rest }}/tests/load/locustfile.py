"""What a typical client does: mostly reads, now and then a new order that is placed."""

import json
import os
from secrets import choice
from uuid import uuid4

from locust import FastHttpUser, task

from tests.support.orders import order_draft
from tests.support.paths import path

ACCOUNTS: list[dict[str, str]] = json.loads(os.environ["LOAD_ACCOUNTS"])


class Client(FastHttpUser):
    """One client; it sends its next request as soon as it has the answer."""

    def on_start(self) -> None:
        self.headers = choice(ACCOUNTS)
        self.orders: list[str] = []
        self.create()

    @task(2)
    def create(self) -> None:
        headers = {**self.headers, "Idempotency-Key": uuid4().hex}
        answer = self.client.post(
            path("/orders"), json=order_draft(), headers=headers, name="create an order"
        )
        if answer.status_code == 201:
            self.orders.append(answer.json()["id"])

    @task(1)
    def place(self) -> None:
        if self.orders:
            placements = path(f"/orders/{self.orders.pop()}/placements")
            self.client.post(placements, headers=self.headers, name="place an order")

    @task(10)
    def read(self) -> None:
        if self.orders:
            order = path(f"/orders/{self.orders[-1]}")
            self.client.get(order, headers=self.headers, name="read an order")

    @task(3)
    def page(self) -> None:
        self.client.get(path("/orders?limit=20"), headers=self.headers, name="list orders")
