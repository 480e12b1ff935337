"""The service's reads and writes of orders with nothing around them, as the measure of the rest.

Runs in the environment of the rendered service and on its tables: FastAPI with the driver's own
pool, or with SQLAlchemy Core where `BARE=sqlalchemy`. No authentication, limits, logs or metrics.
"""

import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import asyncpg
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

URL = os.environ["DATABASE_URL"]
POOL_SIZE = int(os.environ.get("DB_POOL_SIZE", "10"))


class Line(BaseModel):
    sku: str
    quantity: int
    unit_price: Decimal


class NewOrder(BaseModel):
    customer_reference: str
    currency: str
    lines: list[Line]


class Order(NewOrder):
    id: UUID
    status: str
    total: Decimal
    version: int
    created_at: datetime
    updated_at: datetime


_READ = """
SELECT o.id, o.owner, o.customer_reference, o.status, o.currency, o.total, o.version,
       o.created_at, o.updated_at, l.sku, l.quantity, l.unit_price
FROM orders o LEFT JOIN order_lines l ON l.order_id = o.id
WHERE o.id = {} ORDER BY l.position
"""
_ADD = """
INSERT INTO orders (id, owner, customer_reference, status, currency, total, version,
                    created_at, updated_at)
VALUES ({}, {}, {}, 'draft', {}, {}, 1, {}, {})
"""
_ADD_LINE = """
INSERT INTO order_lines (order_id, position, sku, quantity, unit_price)
VALUES ({}, {}, {}, {}, {})
"""
_ORDER = ("id", "owner", "customer_reference", "currency", "total", "created_at", "updated_at")
_LINE = ("order_id", "position", "sku", "quantity", "unit_price")


class Asyncpg:
    """The driver and its pool."""

    def __init__(self) -> None:
        self._read, self._add, self._add_line = (
            statement.format(*(f"${number}" for number in range(1, 8)))
            for statement in (_READ, _ADD, _ADD_LINE)
        )

    async def open(self) -> None:
        self._pool = await asyncpg.create_pool(URL, min_size=1, max_size=POOL_SIZE)

    async def close(self) -> None:
        await self._pool.close()

    async def read(self, order_id: UUID) -> Sequence[Mapping[str, Any]]:
        async with self._pool.acquire() as connection:
            rows: Sequence[Mapping[str, Any]] = await connection.fetch(self._read, order_id)
            return rows

    async def add(self, order: dict[str, Any], lines: list[dict[str, Any]]) -> None:
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(self._add, *order.values())
            await connection.executemany(self._add_line, [tuple(line.values()) for line in lines])


class SqlAlchemy:
    """SQLAlchemy Core over the same driver."""

    _engine: AsyncEngine

    def __init__(self) -> None:
        self._read = text(_READ.format(":id"))
        self._add = text(_ADD.format(*(f":{name}" for name in _ORDER)))
        self._add_line = text(_ADD_LINE.format(*(f":{name}" for name in _LINE)))

    async def open(self) -> None:
        self._engine = create_async_engine(
            "postgresql+asyncpg://",
            connect_args={"dsn": URL},
            pool_size=POOL_SIZE,
            max_overflow=0,
        )

    async def close(self) -> None:
        await self._engine.dispose()

    async def read(self, order_id: UUID) -> Sequence[Mapping[str, Any]]:
        async with self._engine.connect() as connection:
            found = await connection.execute(self._read, {"id": order_id})
            return [dict(row) for row in found.mappings()]

    async def add(self, order: dict[str, Any], lines: list[dict[str, Any]]) -> None:
        async with self._engine.begin() as connection:
            await connection.execute(self._add, order)
            await connection.execute(self._add_line, lines)


store = SqlAlchemy() if os.environ.get("BARE") == "sqlalchemy" else Asyncpg()


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
    await store.open()
    yield
    await store.close()


app = FastAPI(lifespan=lifespan)


@app.get("/orders/{order_id}")
async def get_order(order_id: UUID) -> Order:
    rows = await store.read(order_id)
    if not rows:
        raise HTTPException(404)
    return Order(**rows[0], lines=[Line(**row) for row in rows])


@app.post("/orders", status_code=201)
async def create_order(body: NewOrder) -> Order:
    now = datetime.now(UTC)
    order = {
        "id": uuid4(),
        "owner": "bare",
        "customer_reference": body.customer_reference,
        "currency": body.currency,
        "total": sum((line.quantity * line.unit_price for line in body.lines), Decimal()),
        "created_at": now,
        "updated_at": now,
    }
    lines = [
        {"order_id": order["id"], "position": number, **line.model_dump()}
        for number, line in enumerate(body.lines)
    ]
    await store.add(order, lines)
    return Order(**order, status="draft", version=1, lines=body.lines)
