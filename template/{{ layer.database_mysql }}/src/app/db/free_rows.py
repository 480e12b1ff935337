"""Changes of the rows that match and that no other transaction is changing.

Nobody waits for a row, so that two workers cannot deadlock on the same ones. The rows are locked
first and changed by their keys then: the engine returns nothing of what it changes.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Column, ColumnElement, Delete, Select, Update, bindparam, delete, update

from app.db.statement import Statement
from app.db.unit_of_work import UnitOfWork


class _Found:
    """The free ones among rows, selected by their key, and the change by keys."""

    def __init__(
        self, rows: Select[Any], returned: Sequence[ColumnElement[Any]], change: Update | Delete
    ) -> None:
        [key] = rows.selected_columns
        self._find = Statement(
            rows.with_only_columns(key, *returned).with_for_update(skip_locked=True)
        )

        @lru_cache
        def by_keys(count: int) -> Statement:
            keys = [bindparam(f"key_{n}", type_=key.type) for n in range(count)]
            return Statement(change.where(key.in_(keys)))

        self._by_keys = by_keys

    async def change(self, work: UnitOfWork, values: dict[str, Any]) -> Sequence[Any]:
        """Change the rows that are found; returns them."""
        found = await work.fetch(self._find, **values)
        if found:
            # Few statements serve any number of rows: the last key fills them up.
            keys = [row[0] for row in found]
            keys += keys[-1:] * (_power_of_two(len(keys)) - len(keys))
            named = {f"key_{n}": key for n, key in enumerate(keys)}
            await work.change(self._by_keys(len(keys)), **values, **named)
        return found


def _power_of_two(number: int) -> int:
    return 1 << (number - 1).bit_length()


class UpdateFree:
    """Update the free ones among rows, selected by their key; `run` returns columns of them."""

    def __init__(
        self,
        rows: Select[Any],
        values: Mapping[str, ColumnElement[Any]],
        returned: Sequence[Column[Any]],
    ) -> None:
        # What the row is about to hold is what it would have returned.
        after = [values.get(column.name, column) for column in returned]
        table = returned[0].table
        self._found = _Found(rows, after, update(table).values(dict(values)))

    async def run(self, work: UnitOfWork, **values: Any) -> Sequence[Any]:
        """The rows that were updated."""
        return [row[1:] for row in await self._found.change(work, values)]


class DeleteFree:
    """Delete the free ones among rows, selected by their key."""

    def __init__(self, rows: Select[Any]) -> None:
        [key] = rows.selected_columns
        assert isinstance(key, Column)
        self._found = _Found(rows, (), delete(key.table))

    async def run(self, work: UnitOfWork, **values: Any) -> int:
        """How many rows were deleted."""
        return len(await self._found.change(work, values))
