"""Statements appear in traces, without what they are about."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode
from sqlalchemy import select, text

from app.db import Database
from app.features.orders.store import OrderStore, orders
from app.platform import telemetry
from app.platform.telemetry import span

pytestmark = pytest.mark.anyio


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(telemetry, "_tracer", provider.get_tracer("test"))
    yield exporter
    provider.shutdown()


async def test_each_statement_is_a_child_of_the_work_in_progress(
    database: Database, spans: InMemorySpanExporter
) -> None:
    order_id = uuid4()
    with span("work", traceparent=""):
        async with database.unit_of_work(read_only=True) as work:
            await OrderStore(work).get(order_id)
            await work.connection.execute(select(orders.c.id).where(orders.c.id == order_id))
    by_statement, by_core, parent = spans.get_finished_spans()
    for found in (by_statement, by_core):
        assert found.name == "SELECT"
        assert found.parent == parent.context
        assert found.attributes is not None
        assert found.attributes["db.operation.name"] == "SELECT"
        assert "FROM orders" in str(found.attributes["db.query.text"])
        assert order_id.hex not in str(found.attributes).replace("-", "")


async def test_a_failure_is_marked(database: Database, spans: InMemorySpanExporter) -> None:
    async def fail() -> None:
        async with database.unit_of_work(read_only=True) as work:
            await work.connection.execute(text("SELECT * FROM nowhere"))

    with span("work", traceparent=""), pytest.raises(Exception, match="nowhere"):
        await fail()
    failed, _ = spans.get_finished_spans()
    assert failed.status.status_code is StatusCode.ERROR


async def test_nothing_is_made_outside_of_a_trace(
    database: Database, spans: InMemorySpanExporter
) -> None:
    async with database.unit_of_work(read_only=True) as work:
        await work.connection.execute(text("SELECT 1"))
    assert spans.get_finished_spans() == ()
