"""The control of the drill: a service as one writes it without thinking of failures.

It commits, then publishes to the broker; it knows no idempotency key; its worker has the effect,
and forgets the message afterwards.
"""

import asyncio
import json
import os
import sqlite3
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections import Counter

import uvicorn
from redis import Redis
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route


def connect() -> sqlite3.Connection:
    connection = sqlite3.connect(os.environ["NAIVE_DB"], timeout=10)
    connection.execute("PRAGMA journal_mode = WAL")
    return connection


def create() -> None:
    with connect() as connection:
        connection.execute("CREATE TABLE orders (id TEXT, reference TEXT)")
        connection.execute("CREATE TABLE effects (order_id TEXT)")


def serve() -> None:
    redis = Redis.from_url(os.environ["BROKER_URL"])

    def store(order_id: str, reference: str) -> None:
        with connect() as connection:
            connection.execute("INSERT INTO orders VALUES (?, ?)", (order_id, reference))
        redis.lpush("naive", order_id)

    async def post(request: Request) -> JSONResponse:
        body = await request.json()
        order_id = str(uuid.uuid4())
        await asyncio.to_thread(store, order_id, body["customer_reference"])
        return JSONResponse({"id": order_id}, 201)

    app = Starlette(routes=[Route("/orders", post, methods=["POST"])])
    uvicorn.run(app, port=int(os.environ["PORT"]), log_level="warning")


def work() -> None:
    connection = connect()
    redis = Redis.from_url(os.environ["BROKER_URL"])
    while True:
        message = redis.lindex("naive", -1)
        if message is None:
            time.sleep(0.01)
            continue
        order_id = message.decode()
        request = urllib.request.Request(os.environ["WEBHOOK_URL"], data=message, method="POST")
        try:
            urllib.request.urlopen(request, timeout=5).close()
        except urllib.error.HTTPError:
            continue
        with connection:
            connection.execute("INSERT INTO effects VALUES (?)", (order_id,))
        redis.lrem("naive", -1, message)


def count() -> None:
    with connect() as connection:
        orders = Counter(row[0] for row in connection.execute("SELECT reference FROM orders"))
        effects = Counter(row[0] for row in connection.execute("SELECT order_id FROM effects"))
    print(json.dumps({"orders": orders, "effects": effects}))


if __name__ == "__main__":
    {"create": create, "serve": serve, "work": work, "count": count}[sys.argv[1]]()
