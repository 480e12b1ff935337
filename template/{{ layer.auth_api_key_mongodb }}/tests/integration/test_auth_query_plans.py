"""Each query of keys finds its documents by an index, however many there are."""

from datetime import timedelta

import pytest

from app.auth.api_key import ApiKey, Client
from app.auth.principal import Role
from app.auth.store import ApiKeys
from app.db import Database
from app.platform.clock import now
from app.platform.ids import new_uuid
from tests.support.plans import bad_steps
from tests.support.statements import sent_statements

pytestmark = pytest.mark.anyio

NOW = now()
MINUTE = timedelta(minutes=1)
CLIENTS = [Client(new_uuid(), f"client-{number}", NOW) for number in range(5)]
KEYS = [ApiKey(new_uuid(), client, Role.MEMBER, None, NOW, NOW) for client in CLIENTS]


async def test_no_query_of_keys_reads_a_whole_collection(own_database: Database) -> None:
    known, *_ = KEYS
    newest_first = sorted((key.id for key in KEYS), reverse=True)
    with sent_statements() as sent:
        async with own_database.unit_of_work() as work:
            keys = ApiKeys(work)
            for client, key in zip(CLIENTS, KEYS, strict=True):
                await keys.add_client(client)
                await keys.add(key, key.id.bytes)
            assert await keys.with_hash(known.id) == (known, known.id.bytes)
            assert await keys.get(known.id, lock=True) == known
            assert await keys.client_named(known.client.name) == known.client
            assert await keys.page(known.client.name, None, 10) == [known]
            assert await keys.page(known.client.name, known.id, 10) == []
            assert len(await keys.page(None, None, 10)) == 5
            (following,) = await keys.page(None, newest_first[0], 1)
            assert following.id == newest_first[1]
            await keys.end_at(known.id, NOW)
            await keys.revoke(known.id, NOW)
            for moment, noted in (
                (NOW, NOW),
                (NOW + MINUTE / 2, NOW),
                (NOW + MINUTE, NOW + MINUTE),
            ):
                await keys.note_uses({known.id: moment}, MINUTE)
                found = await keys.get(known.id)
                assert found is not None
                assert (found.last_used_at, found.revoked_at) == (noted, NOW)
    async with own_database.unit_of_work(read_only=True) as reading:
        bad = [(one, await bad_steps(reading, one)) for one in sent]
    assert len(bad) > 20
    assert [one for one in bad if one[1]] == []


async def test_a_request_reads_its_key_in_one_command(own_database: Database) -> None:
    async with own_database.unit_of_work(read_only=True) as work:
        with sent_statements() as sent:
            assert await ApiKeys(work).with_hash(new_uuid()) is None
    assert [one.name for one in sent] == ["find"]
