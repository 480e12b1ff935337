"""All that a database holds."""

from collections.abc import Iterator

import anyio.from_thread
from sqlalchemy import MetaData, select

from app.db import Database
from app.db.settings import DatabaseSettings


def dumped(url: str) -> Iterator[str]:
    """Every value in every table as `table.column: value`; of bytes what may be text in them."""
    with anyio.from_thread.start_blocking_portal() as portal:
        yield from portal.call(_dump, url)


async def _dump(url: str) -> list[str]:
    database = Database(DatabaseSettings.model_validate({"database_url": url}))
    found, tables = list[str](), MetaData()
    async with database.unit_of_work(read_only=True) as work:
        await work.connection.run_sync(tables.reflect)
        for table in tables.tables.values():
            for row in await work.connection.execute(select(table)):
                found += [
                    f"{table.name}.{column.name}: {_text(value)}"
                    for column, value in zip(table.columns, row, strict=True)
                ]
    await database.aclose()
    return found


def _text(value: object) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)
