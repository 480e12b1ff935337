"""SQL that Core writes once, and that the driver then runs as it is."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import ClauseElement, ReturnsRows
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import TypeEngine

from app.db.engine import DIALECT, NUMERIC_CODE
from app.db.tracing import span_attributes

Convert = Callable[[Any], Any]


class Statement:
    """A statement whose text does not depend on its parameters, for `UnitOfWork.fetch`.

    Running it costs the driver's own time and little more, where Core's execution costs twice that:
    worth having on the path of every request. The rest may use `UnitOfWork.connection`.
    """

    __slots__ = ("_columns", "_constants", "_parameters", "span_attributes", "sql")

    def __init__(self, clause: ClauseElement) -> None:
        compiled = clause.compile(dialect=DIALECT)
        assert isinstance(compiled, SQLCompiler)
        self.sql = compiled.string
        self.span_attributes = span_attributes(self.sql)
        binds = [(name, compiled.binds[name]) for name in compiled.positiontup or ()]
        self._constants = {name: bind.value for name, bind in binds if not bind.required}
        self._parameters = [(name, _processor(bind.type, "bind_processor")) for name, bind in binds]
        columns = clause.exported_columns if isinstance(clause, ReturnsRows) else ()
        self._columns = [
            (index, convert)
            for index, column in enumerate(columns)
            if (convert := _processor(column.type, "result_processor", NUMERIC_CODE))
        ]

    def arguments(self, values: Mapping[str, Any]) -> list[Any]:
        """The values in the order and form in which the driver takes them."""
        if self._constants:
            values = {**self._constants, **values}
        return [
            convert(values[name]) if convert else values[name] for name, convert in self._parameters
        ]

    def rows(self, found: Sequence[Any]) -> Sequence[Any]:
        """What the driver has found, in the types of the columns."""
        if not self._columns:
            return found
        rows = [list(row) for row in found]
        for row in rows:
            for index, convert in self._columns:
                row[index] = convert(row[index])
        return rows


def _processor(type_: TypeEngine[Any], name: str, *arguments: object) -> Convert | None:
    made: Convert | None = getattr(type_.dialect_impl(DIALECT), name)(DIALECT, *arguments)
    return made
