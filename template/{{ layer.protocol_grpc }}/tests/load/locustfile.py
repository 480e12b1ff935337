"""What a typical client does: mostly reads, now and then a new order that is placed."""

import json
import os
import time
from collections.abc import Callable
from secrets import choice
from typing import Any, ClassVar
from uuid import uuid4

import grpc
from grpc.experimental import gevent
from locust import User, task

from app.proto.orders.v1 import orders_pb2
from app.proto.orders.v1.orders_pb2_grpc import OrderServiceStub
from tests.support.orders import new_order

gevent.init_gevent()

ACCOUNTS: list[dict[str, str]] = json.loads(os.environ["LOAD_ACCOUNTS"])
SECONDS = 10.0


class Client(User):
    """One client; it sends its next call as soon as it has the answer."""

    channels: ClassVar[dict[str, grpc.Channel]] = {}

    def on_start(self) -> None:
        # As many share a connection as a server takes calls on one.
        key = f"{self.host}{choice(range(4))}"
        assert self.host
        if key not in self.channels:
            self.channels[key] = grpc.insecure_channel(
                self.host, [("grpc.use_local_subchannel_pool", 1)]
            )
        self.stub = OrderServiceStub(self.channels[key])
        self.metadata = [(name.lower(), value) for name, value in choice(ACCOUNTS).items()]
        self.orders: list[str] = []
        self.create()

    @task(2)
    def create(self) -> None:
        answer = self._call(
            "create an order",
            self.stub.CreateOrder,
            new_order(),
            ("idempotency-key", uuid4().hex),
        )
        if answer is not None:
            self.orders.append(answer.name)

    @task(1)
    def place(self) -> None:
        if self.orders:
            request = orders_pb2.PlaceOrderRequest(name=self.orders.pop())
            self._call("place an order", self.stub.PlaceOrder, request)

    @task(10)
    def read(self) -> None:
        if self.orders:
            request = orders_pb2.GetOrderRequest(name=self.orders[-1])
            self._call("read an order", self.stub.GetOrder, request)

    @task(3)
    def page(self) -> None:
        self._call("list orders", self.stub.ListOrders, orders_pb2.ListOrdersRequest(page_size=20))

    def _call(
        self, name: str, method: Callable[..., Any], request: Any, *metadata: tuple[str, str]
    ) -> Any:
        began = time.perf_counter()
        answer, failure = None, None
        try:
            answer = method(request, metadata=[*self.metadata, *metadata], timeout=SECONDS)
        except grpc.RpcError as error:
            failure = error
        self.environment.events.request.fire(
            request_type="gRPC",
            name=name,
            response_time=(time.perf_counter() - began) * 1000,
            response_length=0 if answer is None else answer.ByteSize(),
            exception=failure,
        )
        return answer
