"""Commands appear in traces, without what they are about."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from app.db import Database
from app.features.orders.store import OrderStore
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


async def test_each_command_is_a_child_of_the_work_in_progress(
    database: Database, spans: InMemorySpanExporter
) -> None:
    order_id = uuid4()
    with span("work", traceparent=""):
        async with database.unit_of_work() as work:
            await OrderStore(work).get(order_id)
            await OrderStore(work).record_confirmation(order_id, order_id)
    *commands, parent = spans.get_finished_spans()
    assert [found.name for found in commands] == [
        "find orders",
        "insert order_confirmations",
        "commitTransaction",
    ]
    for found in commands:
        assert found.parent == parent.context
        assert found.attributes is not None
        assert found.attributes["db.system.name"] == "mongodb"
        assert found.attributes["db.operation.name"] == found.name.partition(" ")[0]
        assert order_id.hex not in str(found.attributes).replace("-", "")
    assert commands[0].attributes is not None
    assert commands[0].attributes["db.collection.name"] == "orders"


async def test_a_failure_is_marked(database: Database, spans: InMemorySpanExporter) -> None:
    async def fail() -> None:
        async with database.unit_of_work(read_only=True) as work:
            await work.collection("orders").find({"$nowhere": 1})

    with span("work", traceparent=""), pytest.raises(Exception, match="nowhere"):
        await fail()
    failed, _ = spans.get_finished_spans()
    assert failed.status.status_code is StatusCode.ERROR


async def test_nothing_is_made_outside_of_a_trace(
    database: Database, spans: InMemorySpanExporter
) -> None:
    await database.ping()
    assert spans.get_finished_spans() == ()
