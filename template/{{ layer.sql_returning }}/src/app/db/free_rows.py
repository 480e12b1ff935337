"""Changes of the rows that match and that no other transaction is changing, in one statement.

Nobody waits for a row, so that two workers cannot deadlock on the same ones. An engine with a
single writer ignores the locks.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Column, ColumnElement, Select, Table, delete, select, update

from app.db.statement import Statement
from app.db.unit_of_work import UnitOfWork


def _free(rows: Select[Any]) -> tuple[Table, ColumnElement[bool]]:
    [key] = rows.selected_columns
    assert isinstance(key, Column)
    found = rows.with_for_update(skip_locked=True).cte("found", nesting=True)
    return key.table, key.in_(select(found))


class UpdateFree:
    """Update the free ones among rows, selected by their key; `run` returns columns of them."""

    def __init__(
        self,
        rows: Select[Any],
        values: Mapping[str, ColumnElement[Any]],
        returned: Sequence[Column[Any]],
    ) -> None:
        table, are_free = _free(rows)
        self._statement = Statement(
            update(table).where(are_free).values(dict(values)).returning(*returned)
        )

    async def run(self, work: UnitOfWork, **values: Any) -> Sequence[Any]:
        """The rows that were updated."""
        return await work.fetch(self._statement, **values)


class DeleteFree:
    """Delete the free ones among rows, selected by their key."""

    def __init__(self, rows: Select[Any]) -> None:
        table, are_free = _free(rows)
        self._statement = Statement(delete(table).where(are_free))

    async def run(self, work: UnitOfWork, **values: Any) -> int:
        """How many rows were deleted."""
        return await work.change(self._statement, **values)
