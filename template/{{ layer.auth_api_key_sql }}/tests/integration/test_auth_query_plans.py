"""Each query of keys finds its rows by an index, however many there are."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from app.auth import store
from app.auth.api_key import ApiKey, Client
from app.auth.principal import Role
from app.auth.store import ApiKeys
from app.db import Database, UnitOfWork
from app.platform.ids import new_uuid
from tests.support.database import analyze, bad_steps
from tests.support.statements import sent_statements

pytestmark = pytest.mark.anyio

MANY = 3000
NOW = datetime.now(UTC)
MINUTE = timedelta(minutes=1)
CLIENTS = [Client(new_uuid(), f"client-{number}", NOW) for number in range(MANY)]
KEYS = [ApiKey(new_uuid(), client, Role.MEMBER, None, NOW, NOW) for client in CLIENTS]


@pytest.fixture
async def work(own_database: Database) -> AsyncIterator[UnitOfWork]:
    async with own_database.unit_of_work() as work:
        for client, key in zip(CLIENTS, KEYS, strict=True):
            await ApiKeys(work).add_client(client)
            await ApiKeys(work).add(key, key.id.bytes)
        await analyze(work)
    async with own_database.unit_of_work() as work:
        yield work


async def test_no_query_of_keys_reads_a_whole_table(work: UnitOfWork) -> None:
    keys, known = ApiKeys(work), min(KEYS, key=lambda key: key.id)
    with sent_statements() as sent:
        assert await keys.with_hash(known.id) == (known, known.id.bytes)
        assert await keys.get(known.id, lock=True) == known
        assert await keys.client_named(known.client.name) == known.client
        assert await keys.page(known.client.name, None, 10) == [known]
        assert await keys.page(known.client.name, known.id, 10) == []
        assert await keys.page("unknown", None, 10) == []
        assert len(await keys.page(None, None, 10)) == 10
        assert await keys.page(None, known.id, 10) == []
        await keys.end_at(known.id, NOW)
        await keys.revoke(known.id, NOW)
        await keys.note_uses({known.id: NOW}, MINUTE)
    bad = {one.sql: await bad_steps(work, one.sql, one.arguments) for one in sent}
    assert len(sent) == 13
    assert {sql: steps for sql, steps in bad.items() if steps} == {}


async def test_a_request_reads_its_key_in_one_statement(work: UnitOfWork) -> None:
    with sent_statements() as sent:
        await ApiKeys(work).with_hash(KEYS[9].id)
    assert [one.sql for one in sent] == [store._FIND.sql]
