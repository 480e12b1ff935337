"""Each query of tokens finds its documents by an index, however many there are."""

from datetime import timedelta

import pytest

from app.auth.refresh_tokens import TokenFamily
from app.auth.store import TokenFamilies
from app.db import Database
from app.platform.clock import now
from app.platform.ids import new_uuid
from tests.support.plans import bad_steps
from tests.support.statements import sent_statements

pytestmark = pytest.mark.anyio

NOW = now()


def family() -> TokenFamily:
    handle, token = new_uuid().bytes, new_uuid().bytes
    return TokenFamily(new_uuid(), new_uuid(), handle, token, frozenset({"b", "a"}), NOW, NOW)


async def test_no_query_of_tokens_reads_a_whole_collection(own_database: Database) -> None:
    known, other = family(), family()
    with sent_statements() as sent:
        async with own_database.unit_of_work() as work:
            families = TokenFamilies(work)
            await families.add(known)
            await families.add(other)
            assert await families.with_handle(known.handle_hash) == known
            assert await families.rotate(other, b"next", NOW)
            assert await families.revoke(known.id, NOW)
            assert await families.revoke_all(other.user_id, NOW, keep=other.id) == []
            assert await families.revoke_all(other.user_id, NOW) == [other.id]
            assert set(await families.revoked_since(NOW)) == {known.id, other.id}
            await families.prune(known.user_id, NOW + timedelta(days=1))
            assert await families.with_handle(known.handle_hash) is None
    async with own_database.unit_of_work(read_only=True) as reading:
        bad = [(one, await bad_steps(reading, one)) for one in sent]
    assert len(bad) > 10
    assert [one for one in bad if one[1]] == []
