"""Connections that are given up while they open."""

import asyncio
from typing import Any

import pytest

from app.db import Database
from app.db.settings import DatabaseSettings

pytestmark = pytest.mark.anyio


async def test_who_is_cancelled_as_a_connection_opens_does_not_go_on(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = asyncio.get_running_loop()
    open_connection = loop.create_connection

    async def open_and_cancel(*arguments: Any, **options: Any) -> Any:
        opened = await open_connection(*arguments, **options)
        asking.cancel()
        return opened

    monkeypatch.setattr(loop, "create_connection", open_and_cancel)
    url = environment["DATABASE_URL"]
    database = Database(DatabaseSettings.model_validate({"database_url": url}))
    asking = asyncio.create_task(database.ping())
    with pytest.raises(asyncio.CancelledError):
        await asking
    await database.aclose()
