"""Spans of what the database is asked, where the trace in progress is recorded."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

from opentelemetry.trace import Span, SpanKind
from sqlalchemy import ExceptionContext, event
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.engine import SYSTEM
from app.platform.telemetry import span


def span_attributes(sql: str) -> Mapping[str, str]:
    """The attributes of a statement; its parameters stay out of traces."""
    operation = sql.split(maxsplit=1)[0]
    return {"db.system.name": SYSTEM, "db.operation.name": operation, "db.query.text": sql}


def statement_span(attributes: Mapping[str, str]) -> AbstractContextManager[Span]:
    """The span of one statement."""
    return span(attributes["db.operation.name"], kind=SpanKind.CLIENT, attributes=attributes)


def trace_core(pool: AsyncEngine) -> None:
    """Make spans of what goes through SQLAlchemy's own execution."""

    @event.listens_for(pool.sync_engine, "before_cursor_execute")
    def start(
        _connection: Any, _cursor: Any, sql: str, _values: Any, context: Any, _many: bool
    ) -> None:
        context.statement_span = statement_span(span_attributes(sql))
        context.statement_span.__enter__()

    @event.listens_for(pool.sync_engine, "after_cursor_execute")
    def end(
        _connection: Any, _cursor: Any, _sql: str, _values: Any, context: Any, _many: bool
    ) -> None:
        context.statement_span.__exit__(None, None, None)

    @event.listens_for(pool.sync_engine, "handle_error")
    def fail(context: ExceptionContext) -> None:
        begun = getattr(context.execution_context, "statement_span", None)
        if begun is not None:
            error = context.original_exception
            begun.__exit__(type(error), error, error.__traceback__)
